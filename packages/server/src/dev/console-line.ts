/** What a line typed at the console of `coterie dev` asks for. */

/** Something to do. */
export type ConsoleOrder =
  | { readonly order: 'kill' | 'stop' | 'start'; readonly node: number }
  | { readonly order: 'status' | 'hints' | 'ring' | 'nodes' | 'quit' | 'help' | 'nothing' }
  | { readonly order: 'wrong'; readonly why: string };

/** What the orders do, for people. */
export const consoleHelp: readonly string[] = [
  'kill N    end node N as a power cut would; it stays down until start N',
  'stop N    pause its process, as a suspended machine would',
  'start N   start it again, or let it go on',
  'status    the cluster on one screen; also: nodes, ring, hints',
  'quit      drain and stop all nodes, as Ctrl-C does',
];

const plain = ['status', 'hints', 'ring', 'nodes', 'quit', 'help'] as const;

/** The order in a line, for nodes 1 to `nodes`. */
export function parseConsoleLine(line: string, nodes: number): ConsoleOrder {
  const [word = '', argument] = line.trim().toLowerCase().split(/\s+/);
  if (word === '') return { order: 'nothing' };
  const order = plain.find((name) => name === word);
  if (order !== undefined) return { order };
  if (word !== 'kill' && word !== 'stop' && word !== 'start')
    return { order: 'wrong', why: `there is no ${JSON.stringify(word)}; help lists what there is` };
  const node = Number(/^(?:node-)?(\d{1,3})$/.exec(argument ?? '')?.[1]);
  if (node >= 1 && node <= nodes) return { order: word, node };
  return { order: 'wrong', why: `${word} takes the number of a node, from 1 to ${nodes}, such as ${word} ${Math.min(3, nodes)}` };
}

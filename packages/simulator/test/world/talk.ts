/** Connections for tests of the simulated network: what each end was told, as words. */
import type { Connection } from '@coterie/env';
import type { Machine, World } from '../../src/index.ts';

/** One end, and what it was told. */
export interface End {
  readonly connection: Connection;
  /** What arrived, as text, and at the end `closed` or the system code of the loss. */
  readonly heard: string[];
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export function say(end: End, text: string): void {
  end.connection.send(encoder.encode(text));
}

export function attend(connection: Connection): End {
  const heard: string[] = [];
  connection.start({
    data: (bytes) => void heard.push(decoder.decode(bytes)),
    drain: () => void heard.push('drain'),
    closed: (reason) => void heard.push(reason === undefined ? 'closed' : `lost ${reason.details.osCode ?? ''}`.trim()),
  });
  return { connection, heard };
}

/** Connects two machines: [the end that dialled, the end that accepted]. */
export async function join(world: World, from: Machine, to: Machine, port = 7072): Promise<[End, End]> {
  let far: End | undefined;
  await world.run(to.environment.network.listen(`${to.name}:${port}`, (connection) => (far = attend(connection))));
  const near = attend(await world.run(from.environment.network.connect(`${to.name}:${port}`, { timeoutMs: 5000 })));
  await world.advance(10);
  if (far === undefined) throw new Error('nobody accepted');
  return [near, far];
}

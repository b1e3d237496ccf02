/**
 * The worked example of the Dynamo paper (section 4.4, figure 3) over HTTP, at three processes, as a golden conversation.
 * Contexts are opaque to clients: here they are named in the order in which they were given. The clocks in them are in
 * `packages/node/test/golden/dynamo-figure-3.txt`.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { forget, makeDirectory, type ServerProcess, startProcess } from './double/process.ts';

const directory = makeDirectory();
/** Sx, Sy and Sz. */
const servers = new Map<string, ServerProcess>();

function peerOf({ lines }: ServerProcess): string {
  const ready = lines.map((line) => JSON.parse(line) as { msg: string; peer?: string }).find(({ msg }) => msg === 'ready');
  return String(ready?.peer);
}

beforeAll(async () => {
  const first = await startProcess(join(directory, 'Sx'), '--name', 'Sx');
  servers.set('Sx', first);
  for (const name of ['Sy', 'Sz']) servers.set(name, await startProcess(join(directory, name), '--name', name, '--seed', peerOf(first)));
  // Each look is a request; there are as many as it takes.
  for (const { url } of servers.values()) while ((await copiesAt(url)) !== 3);
}, 180_000);

afterAll(() => forget(directory));

async function copiesAt(url: string): Promise<unknown> {
  const cluster = (await (await fetch(`${url}/v1/cluster`)).json()) as { effectiveN: unknown };
  return cluster.effectiveN;
}

/** What clients ask and hear, line by line. */
class Conversation {
  readonly lines: string[] = [];
  readonly #contexts: string[] = [];

  async put(client: string, store: string, value: string, context?: string): Promise<string> {
    const headers: Record<string, string> = {
      'Content-Type': 'text/plain',
      ...(context === undefined ? {} : { 'Coterie-Context': context }),
    };
    return (await this.#ask(client, store, { query: '?w=3', init: { method: 'PUT', headers, body: value } })).context;
  }

  get(client: string, store: string, accept: string): Promise<{ context: string; body: string }> {
    return this.#ask(client, store, { query: '?r=3', init: { headers: { Accept: accept } } });
  }

  async #ask(
    client: string,
    store: string,
    { query, init }: { query: string; init: RequestInit },
  ): Promise<{ context: string; body: string }> {
    const asked = new Headers(init.headers);
    this.lines.push(
      `${client} → ${store}  ${init.method ?? 'GET'} /v1/kv/cart/alice${query}`,
      ...this.#headersIn(asked),
      ...bodyLines(init.body),
    );
    const answer = await fetch(`${servers.get(store)?.url}/v1/kv/cart/alice${query}`, init);
    const body = await answer.text();
    const context = answer.headers.get('Coterie-Context') ?? '';
    if (!this.#contexts.includes(context)) this.#contexts.push(context);
    this.lines.push(
      `${client} ← ${store}  ${answer.status}`,
      ...this.#headersIn(answer.headers),
      ...bodyLines(this.#masked(body, answer.headers)),
      '',
    );
    return { context, body };
  }

  #headersIn(headers: Headers): string[] {
    return ['Accept', 'Coterie-Context', 'Coterie-Reached', 'Content-Type'].flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [`        ${name}: ${this.#masked(value, headers)}`];
    });
  }

  /** Without what differs from run to run: tokens, boundaries, etags and times. */
  #masked(said: string, headers: Headers): string {
    const boundary = /boundary="?([^";]+)/.exec(headers.get('Content-Type') ?? '')?.[1];
    const named = this.#contexts.reduce(
      (left, context, at) => (context === '' ? left : left.replaceAll(context, `context-${at + 1}`)),
      said,
    );
    const bounded = boundary === undefined ? named : named.replaceAll(boundary, 'boundary');
    return inOrder(bounded)
      .replaceAll(/[0-9a-f]{16}(?=\\?")/g, '…')
      .replaceAll(/(Last-Modified: |"writtenAt":")[^"\r\n]+/g, '$1…');
  }
}

/** Siblings by their values: they are sent in the order of their dots, which begin with random digits. */
function inOrder(body: string): string {
  if (body.startsWith('{')) {
    const found = JSON.parse(body) as { siblings: { value: string }[] };
    return JSON.stringify({ ...found, siblings: found.siblings.toSorted((a, b) => (a.value < b.value ? 1 : -1)) });
  }
  if (!body.startsWith('--boundary')) return body;
  const [before = '', ...parts] = body.split('--boundary\r\n');
  const [end = ''] = parts.splice(-1);
  const last = end.replace('--boundary--\r\n', '');
  const sorted = [...parts, last].sort((a, b) => (a.trimEnd().at(-1) ?? '').localeCompare(b.trimEnd().at(-1) ?? ''));
  return `${[before, ...sorted].join('--boundary\r\n')}--boundary--\r\n`;
}

function bodyLines(body: unknown): string[] {
  if (typeof body !== 'string' || body === '') return [];
  return body
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => `        │ ${line}`.trimEnd());
}

test('goes as in the paper: A writes twice at Sx, B and C go on from there at Sy and Sz, A reconciles', async () => {
  const talk = new Conversation();
  const d1 = await talk.put('A', 'Sx', 'D1');
  const d2 = await talk.put('A', 'Sx', 'D2', d1);
  await talk.put('B', 'Sy', 'D3', d2);
  await talk.put('C', 'Sz', 'D4', d2);
  const both = await talk.get('A', 'Sx', 'multipart/mixed');
  const asJson = await talk.get('A', 'Sy', 'application/json');
  expect(asJson.context).toBe(both.context);
  await talk.put('A', 'Sx', 'D5', both.context);
  expect((await talk.get('B', 'Sy', '*/*')).body).toBe('D5');
  await expect(talk.lines.join('\n')).toMatchFileSnapshot('golden/dynamo-figure-3.txt');
});

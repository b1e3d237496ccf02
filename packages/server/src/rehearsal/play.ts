/**
 * What is played: puts and gets by every member's door, as clients send them, before, while and after a member joins. The
 * bucket has fewer copies than there are members in the end, so some requests are passed on, as in any cluster that grew.
 */
import type { Stage } from './stage.ts';

const copies = 2;
const keysEach = 4;
const roundsBefore = 4;
const bucket = '/v1/kv/rehearsal';
const value = 'x'.repeat(1024);
const json = ['Content-Type: application/json'];

/** Plays until it is left. @throws what a member answers or throws that it should not */
export async function playCluster(stage: Stage): Promise<never> {
  await stage.enter();
  await stage.enter();
  await stage.settled();
  await stage.ask(0, { method: 'PUT', path: '/v1/buckets/rehearsal', headers: json, body: JSON.stringify({ n: copies }) });
  const script = new Script(stage);
  for (let round = 0; round < roundsBefore; round++) await script.play();
  const joining = stage.enter();
  for (let isJoined = false; !isJoined; await script.play()) isJoined = await isOver(joining);
  for (;;) await script.play();
}

/** Whether `work` has ended, by now. */
function isOver(work: Promise<void>): Promise<boolean> {
  return Promise.race([work.then(() => true), Promise.resolve(false)]);
}

/** Requests, and what they have to remember. */
class Script {
  readonly #stage: Stage;
  readonly #contexts = new Map<string, string>();
  #operations = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Each member's client writes and reads its keys once, all at a time. */
  async play(): Promise<void> {
    const clients = Array.from({ length: this.#stage.size }, (_, place) => this.#client(place));
    await Promise.all(clients);
  }

  async #client(place: number): Promise<void> {
    for (let i = 0; i < keysEach; i++) {
      const path = `${bucket}/key-${place}-${i}`;
      await this.#write(place, path);
      await this.#stage.ask(place, { method: 'GET', path: `${path}?r=2&pr=0&timeout=5s`, headers: ['Accept: application/json'], body: '' });
    }
  }

  async #write(place: number, path: string): Promise<void> {
    const known = this.#contexts.get(path);
    const headers = [`Coterie-Operation: rehearsal-${this.#operations++}`, ...(known === undefined ? [] : [`Coterie-Context: ${known}`])];
    const { context } = await this.#stage.ask(place, { method: 'PUT', path: `${path}?w=2&pw=0&timeout=5s`, headers, body: value });
    if (context !== undefined) this.#contexts.set(path, context);
  }
}

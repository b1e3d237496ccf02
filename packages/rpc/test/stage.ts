/** Endpoints on machines of a simulated world, for conversations in tests. */
import type { Connection } from '@coterie/env';
import { isCoterieError } from '@coterie/env';
import type { Machine, World } from '@coterie/simulator';
import { openEndpoint } from '../src/index.ts';
import type { Endpoint, EndpointLimits, EndpointOptions } from '../src/index.ts';
import { FrameParser } from '../src/frame-parser.ts';
import { preamble } from '../src/frame.ts';
import type { Frame } from '../src/frame.ts';
import { packFrame } from '../src/outgoing-frame.ts';
import type { OutgoingFrame } from '../src/outgoing-frame.ts';

/** All counts of an endpoint that holds nothing. */
export const nothing = { inFlight: 0, handling: 0, outgoing: 0, incoming: 0 };

/** An endpoint `name:7072` of cluster `c`, whose method `echo` answers what it was asked. */
export async function endpointOn(
  machine: Machine,
  change: Partial<EndpointOptions> & { limits?: Partial<EndpointLimits> } = {},
): Promise<Endpoint> {
  const { name, environment, lives } = machine;
  const identity = { id: name, incarnation: `${name}-${lives}` };
  const endpoint = await openEndpoint({ environment, listen: `${name}:7072`, identity, clusterId: 'c', ...change });
  endpoint.register('echo', async ({ body, values }) => ({ body, values }));
  return endpoint;
}

/** A question to `echo`. */
export function ask(from: Endpoint, to: string, body: unknown = null, timeoutMs = 1000): Promise<unknown> {
  return from.request(`${to}:7072`, { method: 'echo', epoch: 0, body }, { timeoutMs }).then((answer) => answer.body);
}

/** The answer, or the code of the error with whether it may have taken effect. */
export async function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    (answer) => `answered ${JSON.stringify(answer)}`,
    (error: unknown) => {
      if (!isCoterieError(error)) throw error;
      const effect = error.details.mayHaveTakenEffect;
      return effect === undefined ? error.code : `${error.code} ${effect ? 'maybe' : 'never'}`;
    },
  );
}

/** Somebody who speaks the protocol by hand. */
export class Stranger {
  readonly frames: Frame[] = [];
  readonly connection: Connection;
  isClosed = false;

  private constructor(connection: Connection) {
    this.connection = connection;
    const parser = new FrameParser(2 ** 26);
    connection.start({
      data: (bytes) => {
        parser.feed(bytes);
        for (let frame = parser.next(); frame !== undefined; frame = parser.next()) this.frames.push(frame);
      },
      drain: () => {},
      closed: () => (this.isClosed = true),
    });
  }

  static async dial(world: World, from: Machine, to: string): Promise<Stranger> {
    return new Stranger(await world.run(from.environment.network.connect(`${to}:7072`, { timeoutMs: 1000 })));
  }

  static answering(connection: Connection): Stranger {
    return new Stranger(connection);
  }

  say(...frames: readonly (OutgoingFrame | Uint8Array)[]): void {
    for (const frame of frames) {
      if (frame instanceof Uint8Array) this.connection.send(frame);
      else for (const piece of packFrame(frame, 2 ** 26).pieces) this.connection.send(piece);
    }
  }

  greet(hello: OutgoingFrame): void {
    this.say(preamble, hello);
  }
}

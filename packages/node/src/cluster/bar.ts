/** Keeps those out who are no members: what was removed by force must not be merged by itself, and who has left has no say. */
import { CoterieError } from '@coterie/env';
import type { Handler } from '@coterie/rpc';
import type { ClusterLink } from './link.ts';
import { isBarred } from './state.ts';

/** The handlers, for members only. A sender whose join is not known here yet is looked up first. */
export function forMembers(handlers: Readonly<Record<string, Handler>>, cluster: ClusterLink): Readonly<Record<string, Handler>> {
  const guarded = (handler: Handler): Handler => {
    const afterLearning: Handler = async (request) => {
      await cluster.catchUp();
      if (!isBarred(cluster.state, request.from.id)) return handler(request);
      throw new CoterieError('UNAUTHORIZED', `${request.from.id} is not a member of this cluster`, {
        details: { mayHaveTakenEffect: false },
      });
    };
    return (request) => (isBarred(cluster.state, request.from.id) ? afterLearning(request) : handler(request));
  };
  return Object.fromEntries(Object.entries(handlers).map(([method, handler]) => [method, guarded(handler)]));
}

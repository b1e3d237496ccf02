/**
 * From a request to its outcome: coordinated here, or passed on with an operation id, so that however many nodes try it,
 * it is one write in the end.
 */
import type { WriteReply } from './api.ts';
import { coordinateSomewhere, type Errand, type Handling, withOperation } from './coordinators.ts';
import { type Core, placementAt } from './core.ts';
import type { Place } from './replica.ts';
import { coordinateWrite, type WriteOrder } from './write.ts';

/** What put and delete have in common. */
interface PassableRequest {
  readonly operation?: string;
  readonly timeoutMs?: number;
}

/** A write as its request asks for it. */
export interface WriteTask<Request extends PassableRequest> {
  readonly place: Place;
  readonly asked: Request;
  /** The write that the request describes. @throws what refuses the request */
  describe(request: Request): WriteOrder;
  /** Has that member coordinate it. */
  there(member: string, request: Request): Promise<WriteReply>;
}

/** Carries the request out, here or elsewhere. @throws what its coordinator throws */
export function carryOut<Request extends PassableRequest>(core: Core, task: WriteTask<Request>, on: Handling): Promise<WriteReply> {
  let request = task.asked;
  let order = task.describe(request);
  const errand: Errand = {
    placement: placementAt(core, task.place),
    origin: on.origin,
    here: (part) => coordinateWrite(core, order, { part, attempt: on.attempt }),
    there(member, timeoutMs) {
      if (request.operation === undefined) {
        request = withOperation(core, request);
        order = task.describe(request);
      }
      return task.there(member, { ...request, timeoutMs });
    },
  };
  return coordinateSomewhere(core, errand, on.attempt);
}

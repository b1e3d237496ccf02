/**
 * From a request to its outcome: coordinated here, or passed on. What is passed on is fixed first: it has an operation id,
 * so that however many nodes try it, it is one write in the end, and it says what it replaces. A request may lie in the
 * buffer of a cut link and be carried out seconds after another node has answered it; by what it finds there and then it
 * would replace what was written since.
 */
import type { WriteReply } from '../api.ts';
import { coordinateSomewhere, type Errand, type Handling, withOperation } from './coordinators.ts';
import { type Core, placementAt } from '../core.ts';
import type { Place } from '../replica/replica.ts';
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
  /** The request with what it replaces named in it, whenever and wherever it is carried out. */
  fix?(request: Request): Promise<Request>;
  /** The write that the request describes. @throws what refuses the request */
  describe(request: Request): WriteOrder;
  /** Has that member coordinate it. */
  there(member: string, request: Request): Promise<WriteReply>;
}

/** Carries the request out, here or elsewhere. @throws what its coordinator throws */
export function carryOut<Request extends PassableRequest>(core: Core, task: WriteTask<Request>, on: Handling): Promise<WriteReply> {
  let request = task.asked;
  let order = task.describe(request);
  let isFixed = false;
  const errand: Errand = {
    placement: placementAt(core, task.place),
    origin: on.origin,
    mayStamp: task.place.bucket.properties.conflict !== 'lww' || !core.clocks.isFar(),
    here: (part) => coordinateWrite(core, order, { part, attempt: on.attempt }),
    async there(member, timeoutMs) {
      if (!isFixed) {
        request = withOperation(core, (await task.fix?.(request)) ?? request);
        order = task.describe(request);
        isFixed = true;
      }
      return task.there(member, { ...request, timeoutMs });
    },
  };
  return coordinateSomewhere(core, errand, on.attempt);
}

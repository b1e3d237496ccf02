/**
 * How much may gather in a node's heap between two full collections: three times what lived in it at the last, which is the
 * most that V8 would choose by itself.
 *
 * V8 chooses less where much is allocated, and counts bytes of buffers as well: of all that were made, until a collection
 * finds those that are dead. A node lives on some 20 MiB of objects, and makes buffers of several times an object's bytes
 * whenever it gives, takes over or looks at one. So while the ring changed there was a full collection every 200 to 500 ms, most
 * of whose work is to mark those 20 MiB once more, and clients waited for it. With this margin young collections find
 * dead buffers first.
 */
import { setFlagsFromString } from 'node:v8';

/** As V8 knows it: per cent of what lives in the heap. */
export const growthFlag = '--heap-growing-percent=300';

/** Lets buffers die young in this process from now on. */
export function letBuffersDieYoung(): void {
  // Read at each full collection, so it may be set while the process runs.
  setFlagsFromString(growthFlag);
}

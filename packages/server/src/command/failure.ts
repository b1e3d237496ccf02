/** How a command ends badly: what failed, at which endpoint, and the command to run next. */

/** Refused or failed: exit code 1. */
export class CommandFailure extends Error {
  /** What to do about it: a sentence or a command line. */
  readonly next: string | undefined;

  constructor(message: string, next?: string) {
    super(message);
    this.name = 'CommandFailure';
    this.next = next;
  }
}

/** Asked for in a way that cannot be understood: exit code 2. */
export class UsageFailure extends CommandFailure {}

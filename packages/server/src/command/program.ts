/**
 * The command line: names, arguments and flags. What a command does is loaded when it runs, so that `coterie get` starts
 * without the storage engine and `coterie --help` without anything.
 */
import { Command, Option } from 'commander';
import { definitions, notYet } from '../settings/definitions.ts';
import type { DevFlags } from '../dev/dev.ts';
import type { RestoreFlags } from './backup.ts';
import type { RecoverFlags } from './recover.ts';
import type { BenchFlags } from './bench.ts';
import type * as Ring from './topology.ts';
import { UsageFailure } from './failure.ts';
import { packageVersion } from './version.ts';

/** Commands of the contract that are not there yet. */
const laterCommands = ['salvage'];

/** The whole command line. */
export function buildProgram(): Command {
  const program = new Command('coterie')
    .description('A leaderless, always-writable key-value store')
    .version(packageVersion(), '-v, --version')
    .showHelpAfterError('(coterie --help lists the commands)')
    .exitOverride();
  addStart(program);
  addDev(program);
  addValues(program);
  addLooks(program);
  addTopology(program);
  addBucket(program);
  addOffline(program);
  addBench(program);
  for (const name of laterCommands) addLater(program, name);
  return program;
}

function addStart(program: Command): void {
  const command = program.command('start').description('run a node until Ctrl-C');
  command.option('--config <FILE>', 'TOML file with settings');
  for (const [name, { help, placeholder, default: standard, repeatable }] of Object.entries(definitions)) {
    const value = placeholder === undefined ? '' : ` <${placeholder}>`;
    const option = new Option(`--${name}${value}`, `${help}${standard === '' || value === '' ? '' : ` (default: ${standard})`}`);
    if (repeatable === true)
      option.argParser((text: string, before: string | undefined) => (before === undefined ? text : `${before},${text}`));
    command.addOption(option);
  }
  for (const name of notYet) command.addOption(new Option(`--${name} <VALUE>`).hideHelp());
  command.action(async (options: Record<string, string | true>) => {
    const flags: Record<string, string> = {};
    for (const [camel, value] of Object.entries(options)) {
      flags[camel.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)] = String(value);
    }
    await (await import('./start.ts')).start(flags);
  });
}

function addDev(program: Command): void {
  program
    .command('dev')
    .description('run a whole cluster on this machine, with a console')
    .option('--nodes <N>', 'how many nodes', '5')
    .option('--data-dir <DIR>', 'where their data lies, a directory each', './coterie-dev')
    .option('--http <HOST:PORT>', 'where HTTP of the first listens; the others count up by ten', '127.0.0.1:7070')
    .option('--no-restart', 'leave a node down that ended by itself')
    .action(async (flags: DevFlags) => (await import('../dev/dev.ts')).dev(flags));
}

function addValues(program: Command): void {
  const put = looking(program.command('put'), 'store a value')
    .argument('<BUCKET>')
    .argument('<KEY>')
    .argument('[VALUE]', 'the value as text, or - to read it from standard input')
    .option('--context <C>', 'context of the values that this one replaces')
    .option('--operation <ID>', 'operation id, the same for every retry')
    .option('--content-type <TYPE>', 'content type (default: text/plain, or octets from standard input)')
    .option('--ttl <TIME>', 'hide it after so long, such as 30s')
    .option('--w <N>', 'stores to wait for')
    .option('--pw <N>', 'primaries to wait for')
    .option('--timeout <TIME>', 'give up after so long');
  put.action(async (bucket: string, key: string, value: string | undefined, flags: object) => {
    await (await import('./values.ts')).put({ bucket, key, value }, flags);
  });
  const get = looking(program.command('get'), 'read a value')
    .argument('<BUCKET>')
    .argument('<KEY>')
    .option('--r <N>', 'stores to wait for')
    .option('--pr <N>', 'primaries to wait for')
    .option('--timeout <TIME>', 'give up after so long');
  get.action(async (bucket: string, key: string, flags: object) => (await import('./values.ts')).get({ bucket, key }, flags));
  const remove = looking(program.command('delete'), 'delete a value')
    .argument('<BUCKET>')
    .argument('<KEY>')
    .option('--context <C>', 'context of the values to delete (default: those there now)')
    .option('--operation <ID>', 'operation id, the same for every retry')
    .option('--w <N>', 'stores to wait for')
    .option('--pw <N>', 'primaries to wait for')
    .option('--timeout <TIME>', 'give up after so long');
  remove.action(async (bucket: string, key: string, flags: object) => (await import('./values.ts')).remove({ bucket, key }, flags));
}

function addLooks(program: Command): void {
  looking(program.command('status'), 'how the cluster and the node are, on one screen').action(async (flags: object) =>
    (await import('./status.ts')).status(flags),
  );
  looking(program.command('members'), 'the members, their state and load').action(async (flags: object) =>
    (await import('./cluster.ts')).members(flags),
  );
  looking(program.command('ring'), 'how the copies are spread').action(async (flags: object) => (await import('./cluster.ts')).ring(flags));
  looking(program.command('hints'), 'who keeps writes for whom').action(async (flags: object) =>
    (await import('./cluster.ts')).hints(flags),
  );
  looking(program.command('where'), 'where a key lives, and why')
    .argument('<BUCKET>')
    .argument('<KEY>')
    .action(async (bucket: string, key: string, flags: object) => (await import('./cluster.ts')).where({ bucket, key }, flags));
}

function addTopology(program: Command): void {
  const plan = program.command('plan').description('change the ring on purpose: stage, look, commit');
  looking(plan.command('show', { isDefault: true }), 'what is staged and under way, how far it is, and what it waits for').action(
    async (flags: object) => (await import('./topology.ts')).showPlan(flags),
  );
  looking(plan.command('commit'), 'begin what plan show has shown under this name; without one: show all that is staged, and begin it')
    .argument('[PLAN]')
    .action(async (named: string | undefined, flags: object) => (await import('./topology.ts')).commit(named, flags));
  looking(plan.command('abort'), 'take back a change under way (the oldest), or what is staged')
    .argument('[CHANGE]')
    .action(async (change: string | undefined, flags: object) => (await import('./topology.ts')).abort(change, flags));
  for (const [on, how] of [
    [plan, 'stage'],
    [program, 'begin'],
  ] as const) {
    const act = async (): Promise<typeof Ring.stage> => (await import('./topology.ts'))[how];
    looking(on.command('leave'), `${how}: a member gives all it has to others, and goes`)
      .argument('<NAME>')
      .action(async (member: string, flags: object) => (await act())({ kind: 'leave', member }, flags));
    looking(on.command('weight'), `${how}: a member holds so many times a usual share`)
      .argument('<NAME>')
      .argument('<N>')
      .action(async (member: string, weight: string, flags: object) =>
        (await act())({ kind: 'weight', member, weight: Number(weight) }, flags),
      );
  }
  addArrivals(program, plan);
}

/** What lets a waiting node in, or ends a dead one. */
function addArrivals(program: Command, plan: Command): void {
  looking(plan.command('join'), 'stage: let a node in that was started with --join staged')
    .argument('<NAME>')
    .action(async (member: string, flags: object) => (await import('./topology.ts')).stage({ kind: 'join', member }, flags));
  looking(plan.command('replace'), 'stage: a node that waits takes the place of a member')
    .argument('<OLD>')
    .argument('<NEW>')
    .option('--force', 'the old one is dead for good')
    .action(async (member: string, by: string, flags: Ring.ForceFlags) =>
      (await import('./topology.ts')).stage({ kind: 'replace', member, by, ...(flags.force === true ? { force: true } : {}) }, flags),
    );
  looking(program.command('replace'), 'a node that waits takes the place of a member, at once')
    .argument('<OLD>')
    .argument('<NEW>')
    .option('--force', 'the old one is dead for good: says what may be lost, and takes its place from the others')
    .action(async (member: string, by: string, flags: object) => (await import('./topology.ts')).replace({ member, by }, flags));
  looking(program.command('remove'), 'say what would be lost with a dead member; with --force, remove it')
    .argument('<NAME>')
    .option('--force', 'it is dead for good')
    .action(async (member: string, flags: object) => (await import('./topology.ts')).remove(member, flags));
}

function addBucket(program: Command): void {
  const bucket = program.command('bucket').description('list, show, set and drop buckets, list their keys');
  looking(bucket.command('list'), 'all buckets').action(async (flags: object) => (await import('./bucket.ts')).listBuckets(flags));
  looking(bucket.command('show'), 'properties of one bucket')
    .argument('<NAME>')
    .action(async (name: string, flags: object) => (await import('./bucket.ts')).showBucket(name, flags));
  looking(bucket.command('set'), 'set properties, such as conflict=lww w=2 ttl=7d')
    .argument('<NAME>')
    .argument('<PROPERTY=VALUE...>')
    .action(async (name: string, assignments: string[], flags: object) =>
      (await import('./bucket.ts')).setBucket({ name, assignments }, flags),
    );
  looking(bucket.command('drop'), 'drop a bucket with all its keys')
    .argument('<NAME>')
    .option('--yes', 'really')
    .action(async (name: string, flags: object) => (await import('./bucket.ts')).dropBucket(name, flags));
  looking(bucket.command('keys'), 'all keys, percent-encoded, one a line')
    .argument('<NAME>')
    .option('--prefix <TEXT>', 'only keys that start so')
    .action(async (name: string, flags: object) => (await import('./bucket.ts')).listKeys(name, flags));
}

function addOffline(program: Command): void {
  const json = ['--json', 'for programs'] as const;
  const verify = program
    .command('verify')
    .description('check every byte of a data directory, offline')
    .argument('<DIR>')
    .option(...json);
  verify.action(async (directory: string, flags: object) => (await import('./offline.ts')).verify(directory, flags));
  const repair = program
    .command('repair')
    .argument('[DIR]')
    .option('--prove', 'cluster: count every copy from the data, and fail unless all are equal then')
    .option('--hurry', 'cluster: without the rests that leave clients their time');
  looking(repair, 'make all copies in the cluster equal now; with DIR, make a damaged data directory open again, offline').action(
    async (directory: string | undefined, flags: object) =>
      directory === undefined
        ? (await import('./repair.ts')).repairCluster(flags)
        : (await import('./offline.ts')).repair(directory, flags),
  );
  looking(program.command('scrub'), 'read everything in the tables of a node back from its disk, now').action(async (flags: object) =>
    (await import('./scrub.ts')).scrub(flags),
  );
  const backup = program.command('backup').argument('<NAME>').option('--node', 'only the node that is asked');
  looking(backup, 'save the stores of all members while they run, each beside its data').action(async (name: string, flags: object) =>
    (await import('./backup.ts')).backup(name, flags),
  );
  const restore = program
    .command('restore')
    .description('put a backup in the place of a store, with the node stopped')
    .argument('<BACKUP>', 'directory of the backup')
    .option('--data-dir <DIR>', 'data directory of the node', './coterie-data')
    .option('--first', 'the cluster is lost: this is the first node of it to come back')
    .option('--other', 'the cluster is lost: this is another node of it')
    .option(...json);
  restore.action(async (directory: string, flags: RestoreFlags) => (await import('./backup.ts')).restore(directory, flags));
  addRecover(program);
  const dump = program.command('dump').description('write a data directory as JSON lines, offline').argument('<DIR>');
  dump.action(async (directory: string) => (await import('./offline.ts')).dump(directory));
}

function addRecover(program: Command): void {
  program
    .command('recover')
    .description('the last resort, with the node stopped: when most stewards are gone for ever, go on without them')
    .option('--unsafe', 'do it; without this, only say what it would do and what may be lost')
    .option('--other', 'another survivor went first: follow it')
    .option('--gone <NAME...>', 'members that are gone for ever, to hear what that costs')
    .option('--data-dir <DIR>', 'data directory of the node', './coterie-data')
    .option('--json', 'for programs')
    .action(async (flags: RecoverFlags) => (await import('./recover.ts')).recover(flags));
}

function addBench(program: Command): void {
  looking(program.command('bench'), 'load a node, and show latency percentiles')
    .option('--seconds <S>', 'how long', '10')
    .option('--connections <N>', 'connections, each with one request at a time', '64')
    .option('--mix <READ:WRITE>', 'shares of reads and writes', '1:1')
    .option('--value-bytes <B>', 'bytes in a value', '100')
    .option('--keys <N>', 'how many keys', '10000')
    .option('--bucket <NAME>', 'where, set to last-write-wins', 'bench')
    .action(async (flags: BenchFlags) => (await import('./bench.ts')).bench(flags));
}

function addLater(program: Command, name: string): void {
  program
    .command(name, { hidden: true })
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(() => {
      throw new UsageFailure(`${name} is not there yet`, 'coterie --help   lists what is');
    });
}

function looking(command: Command, description: string): Command {
  return command
    .description(description)
    .option(
      '--url <U>',
      'where a node is, or several separated by commas: the first that is ready is asked (default: COTERIE_URL, then http://127.0.0.1:7070)',
    )
    .option('--json', 'for programs');
}

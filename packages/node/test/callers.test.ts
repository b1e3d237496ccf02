/** A node that waits to be let in, and what calls at its door tell it. */
import { CoterieError, sleep } from '@coterie/env';
import { createSimulation, type Simulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { Callers } from '../src/cluster/callers.ts';
import { joinThrough, type Joining } from '../src/cluster/enter.ts';

const member = { clusterId: 'c' };
const newcomer = { clusterId: '' };

/** Milliseconds of virtual time that `work` takes. */
async function timeOf(simulation: Simulation, work: () => Promise<unknown>): Promise<number> {
  const { clock } = simulation.environment;
  const beganMs = clock.monotonic();
  await simulation.run(work);
  return Math.round(clock.monotonic() - beganMs);
}

describe('callers', () => {
  it('wake who waits for them, also when they came before; only members do', async () => {
    const simulation = createSimulation({ seed: 1 });
    const { timers } = simulation.environment;
    const callers = new Callers();
    const heard: boolean[] = [];
    const wait = async (): Promise<void> => void heard.push(await callers.within(timers, 400));
    callers.called(newcomer);
    expect(await timeOf(simulation, wait)).toBe(400);
    timers.after(30, () => callers.called(newcomer));
    timers.after(60, () => callers.called(member));
    expect(await timeOf(simulation, wait)).toBe(60);
    callers.called(member);
    expect(await timeOf(simulation, wait)).toBe(0);
    expect(await timeOf(simulation, wait)).toBe(400);
    expect(heard).toEqual([false, true, true, false]);
  });
});

describe('a node that waits to be let in', () => {
  /** Joins a cluster that lets it in after so long; the times at which it asked. */
  async function asked(letInMs: number, callMs: number): Promise<number[]> {
    const simulation = createSimulation({ seed: 1 });
    const { environment } = simulation;
    const { clock, timers } = environment;
    const callers = new Callers();
    const times: number[] = [];
    const ringLog = { catchUp: async () => {}, epoch: 3, state: { clusterId: 'c', members: [] } };
    const joining = {
      environment,
      ringLog,
      callers,
      seeds: ['n1:7072'],
      member: { id: 'm', name: 'm' },
      waits: 'for ever',
      askToJoin: async () => {
        times.push(Math.round(clock.monotonic() - beganMs));
        await sleep(timers, 1);
        if (clock.monotonic() - beganMs < letInMs) throw new CoterieError('NOT_READY', 'it is staged');
      },
    };
    const beganMs = clock.monotonic();
    timers.after(callMs, () => callers.called(member));
    await simulation.run(() => joinThrough(joining as unknown as Joining));
    return times;
  }

  it('asks every half second', async () => {
    expect(await asked(1100, 1e6)).toEqual([0, 501, 1002, 1503]);
  });

  it('asks at once when a member calls, and soon again where its seed has not heard of it yet', async () => {
    expect(await asked(650, 600)).toEqual([0, 501, 600, 651]);
  });

  it('goes back to its pace when calls meant nothing', async () => {
    const times = await asked(2500, 10);
    const gaps = times.map((time, at) => time - (times[at - 1] ?? 0));
    expect([gaps.filter((gap) => gap < 100).length, gaps.at(-1)]).toEqual([12, 501]);
  });
});

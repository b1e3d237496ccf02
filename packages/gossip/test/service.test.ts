/** The service in a simulated world: timers, and a list that survives restarts, crashes and damage. */
import type { LogFields } from '@coterie/env';
import { createSimulation, type Simulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import { type GossipOptions, type GossipService, type MemberState, startGossip } from '../src/index.ts';
import { addressOf, idOf, selfOf } from './conversation.ts';

class Office {
  readonly warnings: { readonly event: string; readonly fields: LogFields | undefined }[] = [];
  readonly simulation: Simulation;
  readonly services = new Map<string, GossipService>();
  readonly changes: [who: string, id: string, is: MemberState | undefined][] = [];

  constructor() {
    const note = (event: string, fields?: LogFields): void => void this.warnings.push({ event, fields });
    this.simulation = createSimulation({ seed: 1, log: { debug() {}, info() {}, warn: note, error: note } });
  }

  async start(name: string, options: Partial<GossipOptions> = {}): Promise<GossipService> {
    const { environment } = this.simulation;
    const directory = `/${name}`;
    await this.simulation.run(environment.files.makeDirectory(directory));
    const transport = {
      send: (address: string, bytes: Uint8Array): void =>
        void environment.timers.after(1, () => this.services.get(address)?.receive(addressOf(name), bytes)),
    };
    const events = { change: (id: string, is: MemberState | undefined): void => void this.changes.push([name, id[0], is]) };
    const service = await this.simulation.run(startGossip({ environment, transport, self: selfOf(name), directory, events, ...options }));
    this.services.set(addressOf(name), service);
    return service;
  }

  async stop(name: string): Promise<void> {
    await this.simulation.run((this.services.get(addressOf(name)) as GossipService).stop());
    this.services.delete(addressOf(name));
  }

  ups(): number[] {
    return [...this.services.values()].map((service) => service.members().filter(({ profile }) => service.isUp(profile.id)).length);
  }
}

async function threeMembers(): Promise<Office> {
  const office = new Office();
  await office.start('a', { cluster: 'here' });
  for (const name of 'bc') await office.start(name, { seeds: [addressOf('a')] });
  await office.simulation.advance(15_000);
  expect(office.ups()).toEqual([3, 3, 3]);
  return office;
}

describe('a gossip service', () => {
  it('tells who is up, and of changes', async () => {
    const office = await threeMembers();
    office.changes.length = 0;
    await office.stop('c');
    await office.simulation.advance(20_000);
    expect(office.changes).toEqual(
      expect.arrayContaining([
        ['a', 'c', 'suspect'],
        ['a', 'c', 'dead'],
        ['b', 'c', 'dead'],
      ]),
    );
    expect(office.services.get(addressOf('a'))?.isUp(idOf('c'))).toBe(false);
    expect(office.services.get(addressOf('a'))?.isUp(idOf('b'))).toBe(true);
  });

  it('started again on its list needs no seeds, and outlives its former life', async () => {
    const office = await threeMembers();
    const before = office.services.get(addressOf('c'))?.member(idOf('c'))?.incarnation ?? 0;
    await office.stop('c');
    await office.simulation.advance(20_000);
    office.simulation.clock.jump(-3_600_000);
    const service = await office.start('c');
    expect(service.cluster).toBe('here');
    await office.simulation.advance(10_000);
    expect(office.ups()).toEqual([3, 3, 3]);
    expect(office.services.get(addressOf('a'))?.member(idOf('c'))?.incarnation).toBeGreaterThan(before);
  });

  it('finds its list after a power failure: the last one that was written', async () => {
    const office = await threeMembers();
    office.simulation.disk.powerCut();
    office.simulation.disk.restart(2);
    office.services.clear();
    const service = await office.start('c');
    expect(service.members().map(({ profile }) => profile.id)).toEqual(['a', 'b', 'c'].map(idOf));
    expect(office.warnings).toEqual([]);
  });

  it('leaves a damaged list aside, and comes back through seeds', async () => {
    const office = await threeMembers();
    await office.stop('c');
    const { files } = office.simulation.environment;
    const handle = await office.simulation.run(files.open('/c/members', 'update'));
    await office.simulation.run(handle.write(Uint8Array.of(0xff), 0, 1, 9));
    await office.simulation.run(handle.close());
    const service = await office.start('c', { seeds: [addressOf('b')] });
    expect(service.cluster).toBeUndefined();
    expect(office.warnings).toMatchObject([{ event: 'membership list not read', fields: { reason: expect.stringContaining('checksum') } }]);
    await office.simulation.advance(10_000);
    expect(office.ups()).toEqual([3, 3, 3]);
  });

  it('goes on when its list cannot be written, and says so', async () => {
    const office = new Office();
    await office.start('a', { cluster: 'here', directory: '/nowhere' });
    await office.start('b', { seeds: [addressOf('a')] });
    await office.simulation.advance(10_000);
    expect(office.ups()).toEqual([2, 2]);
    expect(office.warnings.map(({ event }) => event)).toContain('membership list not written');
  });

  it('leaves so that the others know, and does nothing once it is stopped', async () => {
    const office = await threeMembers();
    const service = office.services.get(addressOf('c')) as GossipService;
    await office.simulation.run(service.leave());
    await office.stop('c');
    expect(office.services.get(addressOf('a'))?.member(idOf('c'))?.state).toBe('left');
    service.receive(addressOf('a'), Uint8Array.of(1));
    service.evidence(idOf('a'), 'failed');
    expect(service.counters.malformed).toBe(0);
    expect(() => service.revise({ weight: 2 })).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    await expect(service.stop()).resolves.toBeUndefined();
  });
});

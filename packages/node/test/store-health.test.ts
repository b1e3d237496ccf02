import { createSimulation } from '@coterie/simulator';
import { describe, expect, it } from 'vitest';
import type { Store } from '../src/index.ts';
import { StoreHealth, type StoreVerdict } from '../src/store/store-health.ts';

/** A store of which only writes are asked: each takes so long, or is refused. */
class Patient {
  readonly simulation = createSimulation({ seed: 1 });
  readonly told: StoreVerdict[] = [];
  writeMs = 1;
  refusal: Error | undefined;
  failure: Error | undefined;
  ringLog: Error | undefined;
  damaged = 0;
  readonly health: StoreHealth;

  constructor() {
    const { environment } = this.simulation;
    const store = this as unknown as Store;
    this.health = new StoreHealth({
      environment,
      store,
      ringLogFailure: () => this.ringLog,
      announce: (verdict) => this.told.push(verdict),
    });
  }

  statistics(): Record<string, number> {
    return { tablesSetAside: this.damaged };
  }

  batch(): object {
    const { refusal, writeMs } = this;
    const written = (): Promise<void> =>
      new Promise((resolve, reject) => {
        this.simulation.environment.timers.after(writeMs, () => (refusal === undefined ? resolve() : reject(refusal)));
      });
    return { put: () => undefined, commit: written };
  }

  /** So many looks, a second apart. */
  async look(times: number): Promise<void> {
    const { environment } = this.simulation;
    for (let n = 0; n < times; n++) {
      await this.health.step();
      await this.simulation.run(() => new Promise<void>((resolve) => void environment.timers.after(1000, resolve)));
    }
  }
}

describe('a store', () => {
  it('that takes writes is well, and nobody is told', async () => {
    const patient = new Patient();
    await patient.look(10);
    expect(patient.told).toEqual([]);
    expect(patient.health.trouble).toBe('');
  });

  it('is slow while a write takes long or does not end, and well again after a quick one', async () => {
    const patient = new Patient();
    patient.writeMs = 60_000;
    await patient.look(4);
    expect(patient.told).toEqual(['slow']);
    expect(patient.health.trouble).toMatch(/longer than 1000 ms/);
    patient.writeMs = 1500;
    await patient.look(70);
    expect(patient.told).toEqual(['slow']);
    patient.writeMs = 1;
    await patient.look(6);
    expect(patient.told).toEqual(['slow', 'well']);
  });

  it('refuses while its writes are refused', async () => {
    const patient = new Patient();
    patient.refusal = new Error('no space left');
    await patient.look(3);
    expect(patient.told).toEqual(['refuses']);
    expect(patient.health.trouble).toMatch(/no space left/);
    patient.refusal = undefined;
    await patient.look(6);
    expect(patient.told).toEqual(['refuses', 'well']);
  });

  it('refuses for good when it, or the ring log beside it, has failed', async () => {
    for (const which of ['failure', 'ringLog'] as const) {
      const patient = new Patient();
      patient[which] = new Error('a sync failed');
      await patient.look(30);
      expect(patient.told).toEqual(['refuses']);
      expect(patient.health.trouble).toBe('a sync failed');
    }
  });

  it('refuses when damage is found again and again, until none was for long', async () => {
    const patient = new Patient();
    for (const damaged of [1, 2]) {
      patient.damaged = damaged;
      await patient.look(2);
    }
    expect(patient.told).toEqual([]);
    patient.damaged = 3;
    await patient.look(2);
    expect(patient.told).toEqual(['refuses']);
    await patient.look(620);
    expect(patient.told).toEqual(['refuses', 'well']);
  });
});

/** What the client keeps of each endpoint: how far it is trusted, and the gate before it. */
import type { Timers } from '@coterie/env';
import { afterChoice, afterFailure, afterSuccess, type Health, isUsable, trusted, type TryTimes } from './endpoint-health.ts';
import { Gate, type GateLimits } from './gate.ts';

/** One endpoint. */
export interface EndpointState {
  readonly gate: Gate;
  health: Health;
}

/** All endpoints by name. Bounded by who is in the ring: `retain` forgets the rest. */
export class Endpoints {
  readonly #limits: GateLimits;
  readonly #timers: Timers;
  readonly #known = new Map<string, EndpointState>();

  constructor(limits: GateLimits, timers: Timers) {
    this.#limits = limits;
    this.#timers = timers;
  }

  /** The gate before an endpoint. */
  gate(endpoint: string): Gate {
    return this.#stateOf(endpoint).gate;
  }

  /** Whether requests go there by themselves. */
  isUsable(endpoint: string, now: number): boolean {
    const state = this.#known.get(endpoint);
    return state === undefined || isUsable(state.health, now);
  }

  /** A request has chosen it. */
  choose(endpoint: string, now: number): void {
    const state = this.#stateOf(endpoint);
    state.health = afterChoice(state.health, now);
  }

  /** It answered. */
  succeeded(endpoint: string, times: TryTimes): void {
    const state = this.#stateOf(endpoint);
    state.health = afterSuccess(state.health, times);
  }

  /** It failed, with so much weight. */
  failed(endpoint: string, weight: number, times: TryTimes): void {
    const state = this.#stateOf(endpoint);
    state.health = afterFailure(state.health, weight, times);
  }

  /** Forgets all endpoints but these and those with requests under way. */
  retain(endpoints: readonly string[]): void {
    const kept = new Set(endpoints);
    for (const [endpoint, { gate }] of this.#known) {
      if (!kept.has(endpoint) && gate.underWay === 0) this.#known.delete(endpoint);
    }
  }

  #stateOf(endpoint: string): EndpointState {
    let state = this.#known.get(endpoint);
    if (state === undefined) {
      state = { gate: new Gate(this.#limits, this.#timers), health: trusted };
      this.#known.set(endpoint, state);
    }
    return state;
  }
}

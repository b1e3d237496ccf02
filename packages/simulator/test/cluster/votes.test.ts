import { describe, expect, it } from 'vitest';
import type { Fleet } from '../../src/cluster/index.ts';
import { Votes } from '../../src/cluster/votes.ts';

/** Five stewards, of whom each says of itself whether it votes. */
class Stewards {
  readonly names = ['n1', 'n2', 'n3', 'n4', 'n5'];
  readonly seatless = new Set<string>();
  readonly failing = new Set<string>();
  machines: readonly string[] = this.names;
  lives = 1;
  readonly votes: Votes = new Votes(this.#fleet());

  #fleet(): Fleet {
    const { names, seatless, failing } = this;
    const machines = (): readonly string[] => this.machines;
    const lives = (): number => this.lives;
    return {
      stewards: names,
      get machines() {
        return machines();
      },
      failedStarts: (name: string) => ({ times: failing.has(name) ? 1 : 0, error: undefined }),
      nodeOn: (name: string) => ({ cluster: () => ({ members: [{ isSelf: true, isSteward: !seatless.has(name) }] }) }),
      world: { machine: () => ({ lives: lives() }) },
    } as unknown as Fleet;
  }
}

describe('a majority of stewards', () => {
  it('has its votes while two of five have lost theirs, and not a third', () => {
    const { votes } = new Stewards();
    expect(votes.sufficeWithout('n1')).toBe(true);
    votes.lose('n1', 2);
    expect(votes.sufficeWithout('n1')).toBe(true);
    expect(votes.sufficeWithout('n2')).toBe(true);
    votes.lose('n2', 2);
    expect(votes.sufficeWithout('n3')).toBe(false);
  });

  it('does not count those that do not start, or are gone', () => {
    const stewards = new Stewards();
    stewards.failing.add('n1');
    expect(stewards.votes.sufficeWithout('n2')).toBe(true);
    stewards.machines = ['n1', 'n2', 'n3', 'n4'];
    expect(stewards.votes.sufficeWithout('n2')).toBe(false);
  });
});

describe('lost votes', () => {
  it('are made good when the node says in a later life that it votes, or its member is removed', () => {
    const stewards = new Stewards();
    const { votes } = stewards;
    for (const name of ['n1', 'n2']) votes.lose(name, 2);
    votes.look();
    expect(votes.sufficeWithout('n3')).toBe(false);
    stewards.lives = 2;
    stewards.seatless.add('n1').add('n2');
    votes.look();
    expect(votes.sufficeWithout('n3')).toBe(false);
    stewards.seatless.delete('n1');
    votes.look();
    expect(votes.sufficeWithout('n3')).toBe(true);
    votes.lose('n4', Infinity);
    votes.look();
    expect(votes.sufficeWithout('n3')).toBe(false);
    votes.settle('n4');
    expect(votes.sufficeWithout('n3')).toBe(true);
  });
});

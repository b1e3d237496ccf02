/** Rules for tests: a team of stewards that collects words. Decisions seat, unseat, and add a word once. */
import { CoterieError } from '@coterie/env';
import { type Decision, Refusal, type Rules, type Steward } from '../src/index.ts';

/** What is decided about. */
export interface Team {
  readonly stewards: readonly Steward[];
  readonly words: readonly string[];
}

/** What a decision does; all parts are optional. */
export interface Act {
  readonly seat?: Steward;
  readonly unseat?: string;
  readonly word?: string;
  /** Refused when this word is there. */
  readonly unless?: string;
  /** Bytes that make the decision long. */
  readonly padding?: string;
}

const encoder = new TextEncoder();

/** The team's rules. */
export const teamRules: Rules<Team> = {
  stewardsOf: ({ stewards }) => stewards,
  apply: ({ stewards, words }, { content }) => {
    const { seat, unseat, word, unless } = parse<Act>(content);
    if (unless !== undefined && words.includes(unless)) return new Refusal(`${unless} is there`);
    if (word !== undefined && words.includes(word)) return new Refusal(`${word} twice`);
    const left = stewards.filter(({ node }) => node !== unseat && node !== seat?.node);
    return { stewards: seat === undefined ? left : [...left, seat], words: word === undefined ? words : [...words, word] };
  },
  encodeState: (team) => encoder.encode(JSON.stringify(team)),
  decodeState: (bytes) => parse<Team>(bytes),
};

/** A decision that does `what`. */
export function act(id: string, what: Act): Decision {
  return { id, content: encoder.encode(JSON.stringify(what)) };
}

function parse<T>(bytes: Uint8Array): T {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  } catch (cause) {
    throw new CoterieError('CORRUPTION', 'no JSON', { cause });
  }
}

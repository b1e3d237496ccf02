/**
 * A member of the ring: a node that may hold replicas, and what decides how many and which.
 *
 * ```
 *   zone  'dc1/rack7/host3'     compared level by level: dc, then rack within the dc, then host within the rack
 *   weight 4                    asks for four times the replicas of a member of weight 1: as many virtual nodes
 * ```
 */
import { CoterieError } from '@coterie/env';

/** A node as the ring names it. */
export interface RingMember {
  /** Identity; never an address. 1 to 64 characters. */
  readonly id: string;
  /** What people call it; 1 to 256 characters. */
  readonly name: string;
  /** An integer in [1, 1024]; 1 if it is not given. */
  readonly weight?: number;
  /** A path of at most 8 levels, such as `dc/rack/host`. Members that give none are in one zone. */
  readonly zone?: string;
  /** Where it was reached when it was last decided; the ring makes no use of it. At most 256 characters. */
  readonly address?: string;
}

/** Most members of a ring. */
export const membersMax = 10_000;
/** Heaviest member. */
export const weightMax = 1024;
/** Most levels of a zone path. */
export const zoneLevelsMax = 8;
const idCharactersMax = 64;
const textCharactersMax = 256;

/** The member's weight, 1 by default. */
export function weightOf(member: RingMember): number {
  return member.weight ?? 1;
}

/** The levels of the member's zone, from the widest to the narrowest; none by default. */
export function zoneLevelsOf(member: RingMember): readonly string[] {
  return member.zone === undefined || member.zone === '' ? [] : member.zone.split('/');
}

/** Does nothing for a possible member. @throws `INVALID_ARGUMENT` for any other */
export function checkMember(member: RingMember): void {
  checkText('id', member.id, idCharactersMax);
  checkText('name', member.name, textCharactersMax);
  if (member.address !== undefined) checkText('address', member.address, textCharactersMax);
  checkWeight(weightOf(member));
  const levels = zoneLevelsOf(member);
  const isPath = (member.zone ?? '').length <= textCharactersMax && levels.length <= zoneLevelsMax && !levels.includes('');
  if (!isPath) throw invalid(`zone must be a path of at most ${zoneLevelsMax} names, such as dc/rack/host, not '${member.zone}'`);
}

/** Does nothing for a possible weight. @throws `INVALID_ARGUMENT` for any other */
export function checkWeight(weight: number): void {
  if (Number.isInteger(weight) && weight >= 1 && weight <= weightMax) return;
  throw invalid(`weight must be an integer from 1 to ${weightMax}, not ${weight}`);
}

function checkText(what: string, text: string, charactersMax: number): void {
  if (text.length >= 1 && text.length <= charactersMax) return;
  throw invalid(`a member's ${what} has 1 to ${charactersMax} characters, not ${text.length}`);
}

function invalid(message: string): CoterieError {
  return new CoterieError('INVALID_ARGUMENT', message);
}

/**
 * Asks all members of a cluster the same question, each at its own HTTP address as the node at `--url` knows it. What one
 * node says of another is hearsay; this is what each says of itself. Who does not answer in time is told as that.
 */
import type { MemberReport } from '@coterie/node';
import type { ClusterDocument } from '../http/cluster.ts';
import { askJson, lookPatienceMs } from './client.ts';

/** A member and what it answered; `undefined` when it did not, or when nobody knows where. */
export interface Heard<Answer> {
  readonly member: MemberReport;
  readonly answer: Answer | undefined;
}

const patienceMs = 2000;
/** Members asked; a larger cluster is surveyed in part. */
const membersMax = 200;

/** The cluster as the node at `endpoint` knows it. @throws CommandFailure */
export function askCluster(endpoint: URL): Promise<ClusterDocument> {
  return askJson<ClusterDocument>(endpoint, '/v1/cluster', lookPatienceMs);
}

/** What each of `members` answers at `path`, in their order. */
export function survey<Answer>(endpoint: URL, members: readonly MemberReport[], path: string): Promise<readonly Heard<Answer>[]> {
  return Promise.all(
    members.slice(0, membersMax).map(async (member) => {
      const at = member.isSelf ? endpoint : endpointOfMember(member);
      const answer = at && (await askJson<Answer>(at, path, patienceMs).catch(() => undefined));
      return { member, answer };
    }),
  );
}

/** Where a member answers HTTP; undefined when nobody knows, or it is gone. */
export function endpointOfMember({ http, state }: MemberReport): URL | undefined {
  const url = `http://${http}`;
  return http === '' || state === 'dead' || state === 'left' || !URL.canParse(url) ? undefined : new URL(url);
}

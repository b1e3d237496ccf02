export { startNode } from './start.ts';
export { restoreBackup } from './backup/restore.ts';
export type { RestoreOrder, RestoreReport } from './backup/restore.ts';
export { forecastRecovery, recoverUnsafe } from './recover/recover.ts';
export type { RecoverForecast, RecoverOrder, RecoverReport } from './recover/recover.ts';
export type { PartitionOutlook, RecoveryMember, RecoveryOutlook } from './recover/outlook.ts';
export type { BackupReport } from './backup/backup-file.ts';
export type { CountedStore, NodeOptions, PeerOptions, SyncMode, WriteWitness } from './options.ts';
export type { ScrubReport } from './store/scrub.ts';
export type { Hazards } from './hazards.ts';
export type { NodeLimits } from './limits.ts';
export type { Durability, OpenStore, Store, StoreBatch, StoreOpening, StoreRange } from './store/store.ts';
export type {
  Bucket,
  BucketProperties,
  ClusterReport,
  ComparisonCounts,
  Conditions,
  CopyReport,
  CoterieNode,
  DeleteRequest,
  ForgettingReport,
  GetReply,
  GetRequest,
  KeyPage,
  KeyPageRequest,
  MemberReport,
  NodeCounters,
  NodeStatus,
  Placement,
  PutRequest,
  Reached,
  RepairReport,
  RepairRequest,
  RingReport,
  SiblingValue,
  WriteReply,
} from './api.ts';
export type {
  BegunReport,
  ChangeReport,
  IntakeReport,
  LossReport,
  PlannedLoad,
  PlanReport,
  RingChanges,
  RingWish,
  WishOrigin,
} from './api-topology.ts';

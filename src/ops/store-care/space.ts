/** Bytes each; as buildctl's prune has them. */
export interface SpaceLimits {
  /** The cache is never pruned below it. */
  readonly reservedSpace?: number | undefined;
  /** The most that the cache may have. */
  readonly maxUsedSpace?: number | undefined;
  /** What is to be free on the disk, where pruning can bring that about. */
  readonly minFreeSpace?: number | undefined;
}

/** How much of the cache may stay; what was least recently used goes first. */
export function keepBytes(
  { reservedSpace, maxUsedSpace, minFreeSpace }: SpaceLimits,
  { used, free }: { readonly used: number; readonly free: number },
): number {
  const reserved = reservedSpace ?? 0;
  if (maxUsedSpace === undefined && minFreeSpace === undefined) return reserved;
  const missing = Math.max(0, (minFreeSpace ?? 0) - free);
  return Math.max(reserved, Math.min(maxUsedSpace ?? Infinity, missing > 0 ? used - missing : Infinity));
}

/**
 * What something used of the machine; a figure that the machine cannot give is absent. Bytes, microseconds, counts. All
 * up to now, but for those called current.
 */
export interface Usage {
  readonly cpuMicros?: number | undefined;
  readonly cpuUserMicros?: number | undefined;
  readonly cpuSystemMicros?: number | undefined;
  /** How often, and for how long, it had to wait because its share of the processors was used up. */
  readonly throttledPeriods?: number | undefined;
  readonly throttledMicros?: number | undefined;
  /** For how long some process of it stood still for want of a processor, of memory, or for a disk (cgroup v2). */
  readonly cpuStallMicros?: number | undefined;
  readonly memoryStallMicros?: number | undefined;
  readonly ioStallMicros?: number | undefined;
  readonly memoryCurrent?: number | undefined;
  /** Of the current: file content that the kernel can drop at any time. */
  readonly memoryCache?: number | undefined;
  readonly memoryPeak?: number | undefined;
  readonly memoryLimit?: number | undefined;
  /** Processes killed for lack of memory under its own limit. */
  readonly oomKills?: number | undefined;
  readonly ioReadBytes?: number | undefined;
  readonly ioWriteBytes?: number | undefined;
  readonly ioReads?: number | undefined;
  readonly ioWrites?: number | undefined;
  readonly pidsCurrent?: number | undefined;
  readonly pidsPeak?: number | undefined;
  readonly pidsLimit?: number | undefined;
}

import type { Json } from '../../core/index.ts';
import { formatSize, shortId } from '../table.ts';
import type { Sample } from './sample.ts';

export const statsHeadings: readonly string[] = [
  'CONTAINER ID',
  'NAME',
  'CPU %',
  'MEM USAGE / LIMIT',
  'MEM %',
  'NET I/O',
  'BLOCK I/O',
  'PIDS',
];

export interface StatsRow {
  readonly cells: readonly string[];
  readonly json: Json;
}

/** docker's word for what is not known. */
const unknown = '--';

/**
 * One row of `stats`, under docker's names. `before`: the sample from which processor time is counted. `memory`: what
 * the machine has, the limit of those that have none of their own.
 */
export function statsRow(
  now: Sample,
  {
    before,
    memory,
    whole,
  }: { readonly before?: Sample | undefined; readonly memory: number; readonly whole: boolean },
): StatsRow {
  const { usage, network } = now;
  const id = whole ? now.id : shortId(now.id);
  const used = memoryInUse(now);
  const limit = Math.min(usage.memoryLimit ?? memory, memory);
  const values = {
    CPUPerc: percent(cpuShare(before, now)),
    MemUsage: used === undefined ? `${unknown} / ${unknown}` : `${binarySize(used)} / ${binarySize(limit)}`,
    MemPerc: percent(used === undefined ? undefined : used / limit),
    NetIO: pair(network?.received, network?.sent),
    BlockIO: pair(usage.ioReadBytes, usage.ioWriteBytes),
    PIDs: usage.pidsCurrent === undefined ? unknown : String(usage.pidsCurrent),
  };
  return {
    cells: [id, now.name, ...Object.values(values)],
    json: { Container: id, ID: id, Name: now.name, ...values, Usage: { ...usage } },
  };
}

/** Without file content that can go at any time: else a container that reads files seems to need all it may have. */
function memoryInUse({ usage: { memoryCurrent, memoryCache = 0 } }: Sample): number | undefined {
  return memoryCurrent === undefined ? undefined : Math.max(0, memoryCurrent - memoryCache);
}

/** 1 is one whole processor, so that several may make more. */
function cpuShare(before: Sample | undefined, now: Sample): number | undefined {
  const [from, to] = [before?.usage.cpuMicros, now.usage.cpuMicros];
  const elapsed = (now.time - (before?.time ?? now.time)) * 1000;
  // A container that was started again counts from 0.
  return from === undefined || to === undefined || elapsed <= 0
    ? undefined
    : Math.max(0, to - from) / elapsed;
}

function percent(share: number | undefined): string {
  return share === undefined ? unknown : `${(share * 100).toFixed(2)}%`;
}

function pair(first: number | undefined, second: number | undefined): string {
  return [first, second].map((bytes) => (bytes === undefined ? unknown : formatSize(bytes))).join(' / ');
}

/** `1.5MiB`, as docker prints memory. */
function binarySize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${Number(value.toPrecision(4))}${units[unit] ?? ''}`;
}

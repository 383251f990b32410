import type { Usage } from '../../core/index.ts';
import { formatSize } from '../table.ts';

/** ` (cpu 12.3s, memory 512MB)`; nothing where nothing was measured. */
export function usageText({ cpuMicros, memoryPeak }: Usage = {}): string {
  const parts = [
    ...(cpuMicros === undefined ? [] : [`cpu ${(cpuMicros / 1e6).toFixed(1)}s`]),
    ...(memoryPeak === undefined ? [] : [`memory ${formatSize(memoryPeak)}`]),
  ];
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

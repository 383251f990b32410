import { readFileSync } from 'node:fs';

import type { Usage } from '../../core/index.ts';
import { containerState, findContainer, listContainers, type ContainerRecord } from '../../ops/index.ts';
import { containerUsage } from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';

/** What a container used up to some moment. */
export interface Sample {
  readonly id: string;
  readonly name: string;
  /** Milliseconds, of a clock that nobody sets. */
  readonly time: number;
  readonly running: boolean;
  readonly usage: Usage;
  /** Bytes of its network devices; undefined when it shares the host's. */
  readonly network?: { readonly received: number; readonly sent: number } | undefined;
}

/** Those named, or all that run, or with `all` every one. Throws CONTAINER_NOT_FOUND. */
export async function sampleContainers(
  store: Store,
  { names, all }: { readonly names: readonly string[]; readonly all: boolean },
): Promise<readonly Sample[]> {
  const named = names.length > 0;
  const records = named ? names.map((name) => findContainer(store, name)) : listContainers(store);
  const samples = await Promise.all(records.map((record) => sampleOf(store, record)));
  return samples.filter(({ running }) => running || named || all);
}

async function sampleOf(store: Store, record: ContainerRecord): Promise<Sample> {
  const { id, name, spec } = record;
  const state = await containerState(store, id);
  const running = state.status === 'running';
  const usage = running ? containerUsage({ id, path: spec.config.linux.cgroupsPath }, state.pid) : undefined;
  const shares = running && record.network?.mode.kind === 'bridge' && state.network === undefined;
  const ownNetwork = !shares && spec.config.linux.namespaces.some(({ type }) => type === 'network');
  return {
    id,
    name,
    time: performance.now(),
    running,
    usage: usage ?? {},
    network: running && ownNetwork ? networkBytes(state.pid) : undefined,
  };
}

/** proc(5), net/dev: two lines of headings, then `name: received … sent …`, eight numbers each. */
function networkBytes(pid: number): Sample['network'] {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/net/dev`, 'latin1');
  } catch {
    // It has just ended.
    return undefined;
  }
  let [received, sent] = [0, 0];
  for (const line of text.split('\n').slice(2)) {
    const [name = '', numbers = ''] = line.split(':', 2);
    const fields = numbers.trim().split(/\s+/).map(Number);
    if (name.trim() === 'lo' || fields.length < 9) continue;
    received += fields[0] ?? 0;
    sent += fields[8] ?? 0;
  }
  return { received, sent };
}

import { checkIds, type CheckId, type DoctorReport, type Facts, type Finding } from '../types.ts';
import { judgeCgroups } from './cgroups.ts';
import { judgeContainers, judgeOverlay, judgeSurroundings } from './containers.ts';
import { judgeIdMaps, judgeUserNamespaces } from './ids.ts';
import type { Judgement } from './judgement.ts';
import { judgeKernel, judgeSeccomp } from './kernel.ts';
import { containerFixes, type Need } from './needs.ts';
import { judgeNetwork } from './network.ts';
import { judgeClock, judgeMemory, judgeTools } from './resources.ts';
import { judgeDisk, judgeStore } from './storage.ts';

const judges: Readonly<Record<CheckId, (facts: Facts) => Judgement>> = {
  kernel: judgeKernel,
  seccomp: judgeSeccomp,
  surroundings: judgeSurroundings,
  'user-namespaces': judgeUserNamespaces,
  'id-maps': judgeIdMaps,
  overlay: judgeOverlay,
  containers: judgeContainers,
  cgroups: judgeCgroups,
  network: judgeNetwork,
  store: judgeStore,
  disk: judgeDisk,
  memory: judgeMemory,
  tools: judgeTools,
  clock: judgeClock,
};

/** What the facts mean. Pure: the same facts give the same report on every machine. */
export function judge(facts: Facts): DoctorReport {
  const needs: Need[][] = [];
  const findings = checkIds.map((id): Finding => {
    const { fixes = [], needs: own = [], ...judgement } = judges[id](facts);
    if (own.length > 0) needs.push([...own]);
    return { id, ...judgement, fixes: [...fixes, ...containerFixes(own, facts)] };
  });
  const named = new Set(needs.flat());
  // Who may mount needs no namespace of users for it.
  if (named.has('mount')) named.delete('user-namespaces');
  const all = [...named];
  return {
    ok: findings.every(({ status }) => status !== 'error'),
    findings,
    together: all.length > 1 ? containerFixes(all, facts) : [],
    facts,
  };
}

import { toolNames, type Facts, type ToolName } from '../types.ts';
import { advice, asRoot, install } from './fixes.ts';
import { bytesText, inContainer, ok, type Judgement } from './judgement.ts';

const leastMemory = 256 * 2 ** 20;

export function judgeMemory({ memory: { total, available, limit } }: Facts): Judgement {
  const most = limit === undefined ? bytesText(total) : `${bytesText(total)}, limited to ${bytesText(limit)}`;
  const found = `${bytesText(available)} available of ${most}`;
  if (Math.min(available, limit ?? Infinity) >= leastMemory) return ok(found);
  return {
    status: 'warning',
    found,
    lost: 'steps that need more are killed: compilers, package managers',
    fixes: [
      advice(limit === undefined ? 'end other programs, or add swap' : 'start tsbuild with a higher limit'),
    ],
  };
}

const uses: Readonly<Record<ToolName, string>> = {
  git: 'contexts and ADD of git repositories',
  ssh: 'git over ssh, --ssh',
  xz: 'archives compressed by xz',
  bzip2: 'archives compressed by bzip2',
  ps: 'tsbuild top',
};

export function judgeTools(facts: Facts): Judgement {
  const missing = toolNames.filter((name) => facts.tools[name] === undefined);
  if (missing.length === 0) return ok(`${toolNames.join(', ')} are installed`);
  const lost = missing.map((name) => uses[name]).join('; ');
  return {
    status: 'warning',
    found: `not installed: ${missing.join(', ')}`,
    lost,
    fixes: [install(facts, missing)],
  };
}

/** No clock that was ever set shows less; certificates of today are not valid then. */
const earliest = Date.UTC(2025, 0, 1);
const latest = Date.UTC(2100, 0, 1);

export function judgeClock(facts: Facts): Judgement {
  const { now } = facts;
  const found = new Date(now).toISOString().slice(0, 16).replace('T', ' ');
  if (now >= earliest && now < latest) return ok(`${found} UTC`);
  return {
    status: 'warning',
    found: `${found} UTC, which cannot be`,
    lost: 'https: registries and URLs refuse, or are refused; images are dated wrongly',
    fixes: inContainer(facts)
      ? [advice('set the clock of the host')]
      : [asRoot(facts, 'timedatectl set-ntp true')],
  };
}

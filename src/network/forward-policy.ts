import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isErrno, TsbuildError } from '../core/index.ts';
import { runTool } from '../sys/index.ts';
import { Connection } from './netlink/connection.ts';
import { counter, interfaceName, verdict } from './netlink/nft-expressions.ts';
import {
  addRule,
  commit,
  deleteRule,
  hasChain,
  listForwardChains,
  rulesNaming,
  type ForwardChain,
} from './netlink/nftables.ts';

/*
 * Docker sets the policy of iptables' FORWARD chain to drop. A packet must pass every base chain of a hook, so that no
 * table of our own can accept it again: the bridge is let through where iptables' own rules are. Docker keeps the chain
 * DOCKER-USER for others' rules and puts it before its own. iptables shows, saves and deletes the rules as its own.
 */

const iptablesTable = 'filter';
const iptablesChains = ['DOCKER-USER', 'FORWARD'] as const;

/**
 * The chain that drops what is forwarded and is not ours to change, when there is one: `inet firewalld filter_FORWARD`.
 * `mark` is a file that is there while rules of ours may be in the older tables. Under the folder's lock.
 */
export async function acceptForwarded(bridge: string, mark: string): Promise<string | undefined> {
  using netfilter = new Connection('netfilter');
  const dropping = listForwardChains(netfilter).filter((chain) => chain.dropsByDefault);
  const foreign = dropping.find((chain) => !isIptables(chain));
  if (foreign !== undefined) return `${foreign.table} ${foreign.chain}`;
  if (dropping.length > 0) acceptInNftables(netfilter, bridge);
  return await acceptInLegacyTables(bridge, mark);
}

/** Takes the rules out again. */
export async function withdrawAcceptance(bridge: string, mark: string): Promise<void> {
  using netfilter = new Connection('netfilter');
  const removals = iptablesChains
    .filter((chain) => hasChain(netfilter, iptablesTable, chain))
    .flatMap((chain) =>
      rulesNaming(netfilter, { table: iptablesTable, chain }, bridge).map((handle) =>
        deleteRule(iptablesTable, chain, handle),
      ),
    );
  if (removals.length > 0) commit(netfilter, removals);
  // To ask the tool takes longer than all the rest.
  if (!existsSync(mark)) return;
  if (hasLegacyFilter()) {
    const { stdout } = await legacy(['-S', 'FORWARD']);
    for (const direction of ['-i', '-o']) {
      const rule = ['FORWARD', direction, bridge, '-j', 'ACCEPT'];
      if (stdout.includes(`-A ${rule.join(' ')}`)) await legacy(['-D', ...rule]);
    }
  }
  rmSync(mark, { force: true });
}

function isIptables({ family, table, chain }: ForwardChain): boolean {
  const NFPROTO_IPV4 = 2;
  return family === NFPROTO_IPV4 && table === iptablesTable && chain === 'FORWARD';
}

function acceptInNftables(netfilter: Connection, bridge: string): void {
  const chain = hasChain(netfilter, iptablesTable, 'DOCKER-USER') ? 'DOCKER-USER' : 'FORWARD';
  if (rulesNaming(netfilter, { table: iptablesTable, chain }, bridge).length > 0) return;
  const rules = (['iifname', 'oifname'] as const).map((direction) => ({
    table: iptablesTable,
    chain,
    expressions: [...interfaceName(direction, bridge), counter(), verdict('accept')],
  }));
  commit(
    netfilter,
    rules.map((rule) => addRule(rule, 'begin')),
  );
}

/** The older implementation of iptables keeps its rules where nf_tables cannot see them. */
async function acceptInLegacyTables(bridge: string, mark: string): Promise<string | undefined> {
  if (!hasLegacyFilter()) return undefined;
  const { stdout } = await legacy(['-S', 'FORWARD']);
  if (!/^-P FORWARD DROP$/m.test(stdout)) return undefined;
  writeFileSync(mark, '');
  for (const direction of ['-i', '-o']) {
    const rule = ['FORWARD', direction, bridge, '-j', 'ACCEPT'];
    if (stdout.includes(`-A ${rule.join(' ')}`)) continue;
    if ((await legacy(['-I', ...rule])).status !== 0) return 'iptables-legacy FORWARD';
  }
  return undefined;
}

async function legacy(
  args: readonly string[],
): Promise<{ readonly status: number; readonly stdout: string }> {
  try {
    const { status, stdout } = await runTool(['iptables-legacy', '-w', ...args]);
    return { status, stdout: stdout.toString('latin1') };
  } catch (error) {
    // Without the tool nobody set a policy with it.
    if (error instanceof TsbuildError && error.code === 'HOST_UNSUPPORTED')
      return { status: 127, stdout: '' };
    throw error;
  }
}

/** Asking the tool itself would load the table. */
function hasLegacyFilter(): boolean {
  try {
    return readFileSync('/proc/self/net/ip_tables_names', 'latin1').split('\n').includes('filter');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return false;
    throw error;
  }
}

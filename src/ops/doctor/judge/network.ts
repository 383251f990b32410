import type { Facts, Fix, NetworkFacts } from '../types.ts';
import { advice, asRoot, install, onHost } from './fixes.ts';
import { stepFailed } from './ids.ts';
import { inContainer, ok, type Judgement } from './judgement.ts';
import type { Need } from './needs.ts';

const lost =
  'RUN steps and containers share the network of the machine, its loopback included; no -p, no names between containers';

export function judgeNetwork(facts: Facts): Judgement {
  const { network } = facts;
  switch (network.kind) {
    case 'bridge':
      return judgeBridge(facts, network);
    case 'user':
      return judgeUsersNetwork(facts, network);
  }
}

function judgeBridge(facts: Facts, { opened, hint }: NetworkFacts & { readonly kind: 'bridge' }): Judgement {
  if (opened.ok) return ok('RUN steps and containers get networks of their own');
  const found = `no network of their own for RUN steps and containers: ${opened.message}`;
  const needs = needsOf(opened.code);
  const own = inContainer(facts) && needs.length > 0 ? [] : bridgeFixes(facts, opened.code);
  const fixes = own.length === 0 && needs.length === 0 && hint !== undefined ? [advice(hint)] : own;
  return { status: 'warning', found, lost, needs, fixes };
}

function needsOf(code: string): readonly Need[] {
  if (code === 'privilege' || code === 'EPERM' || code === 'EACCES') return ['network'];
  return code === 'forwarding' || code === 'EROFS' ? ['forwarding'] : [];
}

/** By the reasons of `Unavailable`. */
function bridgeFixes(facts: Facts, code: string): readonly Fix[] {
  const host = (text: string): readonly Fix[] => [onHost(facts, text)];
  switch (code) {
    case 'namespaces':
      return host('sysctl -w user.max_net_namespaces=15000');
    case 'bridge':
      return host('modprobe -a bridge veth');
    case 'nftables':
      return host('modprobe -a nf_tables nft_chain_nat nft_masq nft_fib_ipv4');
    case 'forwarding':
      return host('sysctl -w net.ipv4.ip_forward=1');
    case 'forward-policy':
      return [advice('let the firewall forward what comes from and goes to links named tsb-*')];
    case 'subnet':
      return [advice('remove a route: all of 10.88.0.0/15 is taken')];
    case 'privilege':
      return [advice('start tsbuild with CAP_NET_ADMIN')];
    default:
      return [];
  }
}

function judgeUsersNetwork(facts: Facts, network: NetworkFacts & { readonly kind: 'user' }): Judgement {
  const { programs, tun } = network;
  if (stepFailed(facts, 'network')) {
    const found = 'no network namespace can be made';
    return {
      status: 'warning',
      found,
      lost,
      fixes: [onHost(facts, 'sysctl -w user.max_net_namespaces=15000')],
    };
  }
  if (programs.length === 0) {
    const fixes = [install(facts, ['pasta']), ...tunFixes(facts)];
    return {
      status: 'warning',
      found: 'neither pasta nor slirp4netns is installed',
      lost,
      needs: tun.ok ? [] : ['tun'],
      fixes,
    };
  }
  if (tun.ok) return ok(`RUN steps and containers get networks of their own, by ${programs.join(' or ')}`);
  const found = `${programs.join(' and ')} cannot open /dev/net/tun (${tun.code})`;
  return { status: 'warning', found, lost, needs: ['tun'], fixes: tunFixes(facts) };
}

function tunFixes(facts: Facts): readonly Fix[] {
  if (facts.network.kind !== 'user' || facts.network.tun.ok || inContainer(facts)) return [];
  const { code } = facts.network.tun;
  return [asRoot(facts, code === 'EACCES' || code === 'EPERM' ? 'chmod 666 /dev/net/tun' : 'modprobe tun')];
}

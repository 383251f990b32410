import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, TsbuildError } from '../core/index.ts';
import {
  flock,
  makeFolder,
  newNetworkNamespace,
  tryFlock,
  type NetworkNamespace,
  randomHex,
} from '../sys/index.ts';
import { ensureBridge, hasLink, removeBridge, removeLinkAside, type BridgeName } from './bridge.ts';
import { acceptForwarded, withdrawAcceptance } from './forward-policy.ts';
import { allowForwarding, restoreForwarding } from './forwarding.ts';
import { countHolders, holdIn, type Holder } from './holders.ts';
import { sweepLeases } from './leases.ts';
import { Connection, type Within } from './netlink/connection.ts';
import { firstGroup, forwardFrom } from './netlink/route.ts';
import { BridgedNetwork } from './network.ts';
import { ownBridgeRules } from './rules.ts';
import type { NetworkKind, OpenedNetwork, Unavailable } from './types.ts';

/** Where a bridge is made, when not in this process's own network. */
export interface Ground {
  readonly namespace: Pick<NetworkNamespace, 'fd'>;
  /** Name of its link outwards. */
  readonly wayOut: string;
}

export interface OpenNetworkOptions {
  /** Where the processes that share the networks meet: on the machine's memory, and one a network namespace of hosts. */
  readonly folder?: string | undefined;
  readonly kind: NetworkKind;
  readonly signal?: AbortSignal | undefined;
}

const kinds: readonly NetworkKind[] = ['containers', 'steps'];

/** The same for all stores of a machine, so that they share one bridge and know of each other's ports. */
export function networkFolder(): string {
  return `/run/tsbuild/network-${statSync('/proc/self/ns/net').ino}`;
}

/**
 * Opens a network, making what of it is not there yet: the bridge, this process's rules, the host's forwarding. The
 * last that closes it removes all of it; what a killed process left is removed by the next that opens or sweeps.
 */
export async function openNetworkOn(
  ground: Ground | undefined,
  { folder = networkFolder(), kind, signal }: OpenNetworkOptions,
): Promise<OpenedNetwork> {
  const within = ground?.namespace;
  try {
    makeFolder(folder, 0o700);
    using _lock = await lockFolder(folder, signal);
    // Whatever could be left from a killed process goes first, so that a bridge never outlives a change of routes.
    await sweepLocked(folder, within);
    const wanted = bridgeOf(folder, kind);
    const spare = attempt('namespaces', () => newNetworkNamespace());
    const holder = holdIn(holdersOf(folder, kind));
    try {
      // First of all: a process killed from here on leaves a mark too many, which the sweep takes away.
      writeFileSync(markOf(folder, kind), '');
      if (ground === undefined) attempt('forwarding', () => allowForwarding(folder));
      const bridge = attempt('bridge', () => ensureBridge(wanted, within));
      if (bridge === undefined)
        throw new Refusal('subnet', 'no subnet of 10.88.0.0/15 is free on this machine');
      if (ground !== undefined) forwardBetween(ground, bridge.name);
      const rules = attempt('nftables', () =>
        ownBridgeRules({ kind, bridge: bridge.name, subnet: bridge.subnet, within }),
      );
      const foreign =
        ground === undefined ? await acceptForwarded(bridge.name, acceptedOf(folder, kind)) : undefined;
      if (foreign !== undefined) {
        rules[Symbol.dispose]();
        throw new Refusal(
          'forward-policy',
          `the firewall (${foreign}) drops what is forwarded between links`,
        );
      }
      const close = (links: readonly string[]): Promise<void> =>
        closeNetwork({ folder, holder, within }, links);
      return {
        available: true,
        network: new BridgedNetwork({
          kind,
          bridge,
          spare,
          rules,
          within,
          close,
          leases: leasesOf(folder, kind),
        }),
      };
    } catch (error) {
      spare[Symbol.dispose]();
      holder.leave();
      await sweepLocked(folder, within);
      throw error;
    }
  } catch (error) {
    if (error instanceof Refusal) return error.unavailable;
    if (isErrno(error, 'EPERM', 'EACCES', 'EROFS')) return unavailable('privilege', error.message);
    throw error;
  }
}

/** Removes what killed processes left of the networks, when no one uses them. Where there is nothing, it takes no time. */
export async function sweepHostNetworks(folder = networkFolder()): Promise<void> {
  if (!kinds.some((kind) => existsSync(markOf(folder, kind)))) return;
  const lock = tryFlock(join(folder, 'lock'));
  // Whoever has it sweeps, too.
  if (lock === undefined) return;
  try {
    await sweepLocked(folder, undefined);
  } finally {
    lock.release();
  }
}

interface Use {
  readonly folder: string;
  readonly holder: Holder;
  readonly within: Within;
}

async function closeNetwork({ folder, holder, within }: Use, links: readonly string[]): Promise<void> {
  using _lock = await lockFolder(folder);
  holder.leave();
  await sweepLocked(folder, within);
  using route = new Connection('route', within);
  for (const name of links) await removeLinkAside(route, name);
}

async function sweepLocked(folder: string, within: Within): Promise<void> {
  for (const kind of kinds) sweepLeases(leasesOf(folder, kind));
  const unused = kinds.filter((kind) => countHolders(holdersOf(folder, kind)) === 0);
  const left = unused.filter((kind) => existsSync(markOf(folder, kind)));
  for (const kind of left) await removeShared(folder, kind, within);
  if (unused.length === kinds.length) restoreForwarding(folder);
  for (const kind of left) rmSync(markOf(folder, kind), { force: true });
}

async function removeShared(folder: string, kind: NetworkKind, within: Within): Promise<void> {
  const bridge = bridgeOf(folder, kind);
  if (within === undefined && hasLink(bridge.name))
    await withdrawAcceptance(bridge.name, acceptedOf(folder, kind));
  await removeBridge(bridge, within);
}

/** Link by link: the setting of all of them is for processes in there, and there are none. */
function forwardBetween({ namespace, wayOut }: Ground, bridge: string): void {
  using route = new Connection('route', namespace);
  attempt('forwarding', () => route.request([forwardFrom(bridge), forwardFrom(wayOut)]));
}

async function lockFolder(folder: string, signal?: AbortSignal): Promise<Disposable> {
  const lock = await flock(join(folder, 'lock'), { signal });
  return { [Symbol.dispose]: () => lock.release() };
}

/** There while something of the network may be. */
function markOf(folder: string, kind: NetworkKind): string {
  return join(folder, kind, 'made');
}

/** There while rules of iptables-legacy may be. */
function acceptedOf(folder: string, kind: NetworkKind): string {
  return join(folder, kind, 'accepted');
}

/** Who has which address, and what the others may know of him. */
function leasesOf(folder: string, kind: NetworkKind): string {
  return join(folder, kind, 'leases');
}

function holdersOf(folder: string, kind: NetworkKind): string {
  return join(folder, kind, 'holders');
}

/** Random but kept: folders of the same path in different containers may share one network. Names have at most 15 bytes. */
function bridgeOf(folder: string, kind: NetworkKind): BridgeName {
  const path = join(folder, 'id');
  let id = existsSync(path) ? readFileSync(path, 'latin1') : '';
  if (!/^[0-9a-f]{8}$/.test(id)) {
    id = randomHex(4);
    writeFileSync(path, id);
  }
  const group = firstGroup + 2 * (Number.parseInt(id, 16) % 2 ** 29) + kinds.indexOf(kind);
  return { name: `tsb-${kind.slice(0, 1)}${id}`, group };
}

/** A step of the set-up that can be forbidden, or missing in the kernel. */
function attempt<T>(reason: Unavailable['reason'], work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isErrno(error, 'EPERM', 'EACCES') && reason !== 'forwarding')
      throw new Refusal('privilege', error.message);
    const lacking = [
      'EOPNOTSUPP',
      'ENOTSUP',
      'EPROTONOSUPPORT',
      'EAFNOSUPPORT',
      'ENOENT',
      'EINVAL',
      'ENOSYS',
      'EROFS',
      'EPERM',
      'EACCES',
      'ENODEV',
    ];
    if (isErrno(error, ...lacking)) throw new Refusal(reason, error.message);
    throw error;
  }
}

const hints: Readonly<Record<Unavailable['reason'], string | undefined>> = {
  program: undefined,
  privilege: 'inside a container give it --cap-add NET_ADMIN, or use --network host',
  namespaces: 'the kernel needs CONFIG_NET_NS and user.max_net_namespaces above 0; or use --network host',
  bridge: 'load the kernel modules bridge and veth, or use --network host',
  nftables:
    'load the kernel modules nf_tables, nft_chain_nat, nft_masq and nft_fib_ipv4 (Linux 5.12), or use --network host',
  forwarding: 'run "sysctl -w net.ipv4.ip_forward=1" on the host, or use --network host',
  'forward-policy':
    'let the firewall forward what comes from and goes to links named tsb-*, or use --network host',
  subnet: 'remove a route, or use --network host',
};

class Refusal extends Error {
  readonly unavailable: Unavailable;

  constructor(reason: Unavailable['reason'], message: string) {
    super(message);
    this.unavailable = unavailable(reason, message);
  }
}

function unavailable(reason: Unavailable['reason'], message: string): Unavailable {
  return { available: false, reason, message, hint: hints[reason] };
}

/** For callers that were asked for the network by name and cannot fall back. */
export function unavailableError({ message, hint }: Unavailable): TsbuildError {
  return new TsbuildError('NETWORK_UNAVAILABLE', `no network for containers can be set up: ${message}`, {
    hint,
  });
}

import { isErrno, TsbuildError } from '../core/index.ts';
import { newNetworkNamespace, type NetworkNamespace } from '../sys/index.ts';
import { addressBytes, gatewayOf, macOf, macText, subnetPrefix } from './address.ts';
import { removeLink, type Bridge } from './bridge.ts';
import { chooseNameServers } from './dns/choose.ts';
import { leaseAddress, liveLeases, type AddressLease } from './leases.ts';
import { Connection, type Within } from './netlink/connection.ts';
import {
  addAddress,
  addDefaultRoute,
  addVeth,
  isolatePort,
  joinGroup,
  loopbackIndex,
  setUp,
  withoutIpv6,
} from './netlink/route.ts';
import { publishPorts } from './publish/publish.ts';
import type { OwnedRules } from './rules.ts';
import type { AttachedNetwork, AttachOptions, Network, NetworkKind } from './types.ts';

interface Parts {
  readonly kind: NetworkKind;
  readonly bridge: Bridge;
  /** Folder of this kind's leases. */
  readonly leases: string;
  /** Made to see whether one can be; the first attachment gets it. */
  readonly spare: NetworkNamespace;
  readonly rules: OwnedRules;
  /** The network that the bridge is in. */
  readonly within: Within;
  /** Lets the others know that this process is done, and removes what of the links is not needed by them. */
  readonly close: (links: readonly string[]) => Promise<void>;
}

/** The link that a container sees; the second of its namespace after the loopback. */
const innerName = 'eth0';
const innerIndex = 2;

/** A bridge of the host, opened by this process. */
export class BridgedNetwork implements Network {
  readonly kind: NetworkKind;
  readonly bridge: string;
  readonly gateway: string;
  readonly #parts: Parts;
  readonly #route: Connection;
  readonly #attached = new Set<AttachedNetwork>();
  /** Names of the links that are there. */
  readonly #links = new Set<string>();
  #spare: NetworkNamespace | undefined;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#route = new Connection('route', parts.within);
    this.kind = parts.kind;
    this.bridge = parts.bridge.name;
    this.gateway = gatewayOf(parts.bridge.subnet);
    this.#spare = parts.spare;
  }

  async attach({ names = [], ports = [], nameservers }: AttachOptions = {}): Promise<AttachedNetwork> {
    if (this.#closed) throw new Error('the network is closed');
    await using stack = new AsyncDisposableStack();
    const lease = stack.adopt(leaseAddress(this.#leases, this.#parts.bridge.subnet), (each) =>
      each.release(),
    );
    const { address } = lease;
    const namespace = stack.use(this.#namespace());
    this.#join(lease, namespace, stack);
    const server = stack.use(
      await chooseNameServers({
        namespace,
        asked: nameservers,
        lookUp: this.kind === 'containers' ? (name) => this.addressesOf(name) : undefined,
      }),
    );
    const published = stack.use(
      await publishPorts({
        bridge: this.bridge,
        address,
        ports,
        within: this.#parts.within,
        holderOf: (port) => this.#holderOf(port),
      }),
    );
    lease.write({ names: names.map((name) => name.toLowerCase()), ports: published.ports });
    const all = stack.move();
    const attached: AttachedNetwork = {
      namespace,
      address,
      gateway: this.gateway,
      mac: macText(macOf(address)),
      nameservers: server.addresses,
      ports: published.ports,
      [Symbol.asyncDispose]: async () => {
        this.#attached.delete(attached);
        await all.disposeAsync();
      },
    };
    this.#attached.add(attached);
    return attached;
  }

  /** Addresses of the running containers of that name. */
  addressesOf(name: string): string[] {
    return liveLeases(this.#leases, ({ names }) => names.includes(name)).map(({ address }) => address);
  }

  get #leases(): string {
    return this.#parts.leases;
  }

  #holderOf({ protocol, port }: { readonly protocol: string; readonly port: number }): string | undefined {
    const holds = liveLeases(this.#leases, ({ ports }) =>
      ports.some((each) => each.protocol === protocol && each.hostPort === port),
    );
    return holds[0]?.names[0] ?? holds[0]?.address;
  }

  #namespace(): NetworkNamespace {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare ?? this.#asked('make a network namespace', () => newNetworkNamespace());
  }

  /** Both ends of the cable, in two batches of messages. */
  #join(lease: AddressLease, namespace: NetworkNamespace, stack: AsyncDisposableStack): void {
    const { bridge } = this.#parts;
    const name = `tsv${bridge.name.slice(-9)}${lease.number.toString(16).padStart(2, '0')}`;
    const mac = macOf(lease.address);
    const peer = { name: innerName, index: innerIndex, mac, namespace: namespace.fd };
    const outer = [
      addVeth({ name, bridge: bridge.index, mtu: bridge.mtu, peer }),
      joinGroup(name, bridge.group),
      withoutIpv6(name),
      ...(this.kind === 'steps' ? [isolatePort(name)] : []),
      setUp({ name }),
    ];
    this.#asked('make a link', () => {
      try {
        this.#route.request(outer);
      } catch (error) {
        if (!isErrno(error, 'EEXIST')) throw error;
        // Of a killed process whose container has not quite ended: the address is ours, so the link is nobody's.
        removeLink(this.#route, name);
        this.#route.request(outer);
      }
    });
    // The kernel would remove the link with the namespace, but later, when the address may be someone else's.
    this.#links.add(name);
    stack.defer(() => {
      if (this.#links.delete(name)) removeLink(this.#route, name);
    });
    const inner = [
      setUp({ index: loopbackIndex }),
      setUp({ index: innerIndex }),
      addAddress(innerIndex, addressBytes(lease.address), subnetPrefix),
      addDefaultRoute(innerIndex, addressBytes(this.gateway)),
    ];
    this.#asked('set up a link', () => {
      using inside = new Connection('route', namespace);
      inside.request(inner);
    });
  }

  #asked<T>(doing: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new TsbuildError('NETWORK_UNAVAILABLE', `cannot ${doing}: ${error.message}`, {
        hint: 'use --network host',
        cause: error,
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { close, rules } = this.#parts;
    // The links before the addresses are given up, whose next owners make links of the same names. Nothing runs behind
    // them any more, so that nothing needs the rules; the kernel takes its time for both.
    await Promise.all([close([...this.#links]), rules[Symbol.asyncDispose]()]);
    this.#links.clear();
    for (const attached of this.#attached) await attached[Symbol.asyncDispose]();
    this.#spare?.[Symbol.dispose]();
    this.#route[Symbol.dispose]();
  }
}

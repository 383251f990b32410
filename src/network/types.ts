import type { NetworkNamespace } from '../sys/index.ts';

/**
 * `containers`: those of `tsbuild run`, which reach each other by name and address. `steps`: those of RUN steps, which
 * reach the world and neither each other nor the containers.
 */
export type NetworkKind = 'containers' | 'steps';

export type Protocol = 'tcp' | 'udp';

/** `-p`: what is asked for. */
export interface PublishedPort {
  readonly protocol: Protocol;
  /** An address of the host; all of its IPv4 addresses, and the IPv6 loopback, when absent. */
  readonly hostAddress: string | undefined;
  /** The first free one of them is taken; absent: one of the kernel's choice. */
  readonly hostPorts: PortRange | undefined;
  readonly containerPort: number;
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** `-p`: what it came to. */
export interface BoundPort {
  readonly protocol: Protocol;
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

export interface AttachOptions {
  /** Names by which the others of the network find it: the container's, its host name, its aliases. */
  readonly names?: readonly string[] | undefined;
  readonly ports?: readonly PublishedPort[] | undefined;
  /** `--dns`: asked in place of the host's servers. */
  readonly nameservers?: readonly string[] | undefined;
}

/** A network namespace with a way out. Dispose when nothing runs in it any more. */
export interface AttachedNetwork extends AsyncDisposable {
  /** Held by this process: its path is for the `path` of an OCI config's namespace of type network. */
  readonly namespace: NetworkNamespace;
  /** Dotted, of a network of 24 bits. */
  readonly address: string;
  readonly gateway: string;
  readonly mac: string;
  /** What its resolv.conf shall name; empty when nothing on the host says, so that R-42's public ones stand in. */
  readonly nameservers: readonly string[];
  readonly ports: readonly BoundPort[];
}

/** A network of the host that namespaces are attached to. Shared by all processes that opened it. */
export interface Network extends AsyncDisposable {
  readonly kind: NetworkKind;
  /** Name of the bridge. */
  readonly bridge: string;
  /** The host's address in it, dotted. */
  readonly gateway: string;
  /** Throws PORT_IN_USE, and NETWORK_UNAVAILABLE when the addresses are used up or the kernel refuses. */
  attach(options?: AttachOptions): Promise<AttachedNetwork>;
}

/** Why there can be no network of one's own here. */
export interface Unavailable {
  readonly available: false;
  /**
   * `privilege`: no CAP_NET_ADMIN. `namespaces`, `bridge`, `nftables`: the kernel lacks it or forbids it. `forwarding`:
   * net.ipv4.ip_forward is off and cannot be set. `forward-policy`: a firewall drops what is forwarded. `subnet`: no
   * range of addresses is free. `program`: an ordinary user's way out is a program, and none is there or it fails.
   */
  readonly reason:
    | 'program'
    | 'privilege'
    | 'namespaces'
    | 'bridge'
    | 'nftables'
    | 'forwarding'
    | 'forward-policy'
    | 'subnet';
  /** What failed, one line without a period. */
  readonly message: string;
  readonly hint: string | undefined;
}

export type OpenedNetwork = { readonly available: true; readonly network: Network } | Unavailable;

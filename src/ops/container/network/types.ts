import type { BoundPort, PublishedPort } from '../../../network/types.ts';
import type { ContainerSpec } from '../../../runtime/types.ts';
import type { DnsChoices } from '../host-files.ts';

/**
 * `bridge`: a network of its own, with a way out. Where the machine cannot have one, a container that does not require it
 * shares the machine's.
 */
type OwnMode =
  | { readonly kind: 'bridge'; readonly required: boolean }
  | { readonly kind: 'host' }
  /** A loopback device only. */
  | { readonly kind: 'none' };

/** What `run` and `create` may say about the network. */
export interface NetworkChoices extends NetworkOptions {
  /** `container`: the one of that other container, by name or id. */
  readonly mode: OwnMode | { readonly kind: 'container'; readonly name: string };
}

export interface NetworkOptions {
  /** `-p`. */
  readonly publish: readonly PublishedPort[];
  /** `-P`: those exposed that `publish` does not name. */
  readonly publishAll: boolean;
  /** `--expose`, as `80/tcp` each. */
  readonly exposed: readonly string[];
  /** Names by which other containers find it, beside its own. */
  readonly aliases: readonly string[];
  /** Lines more of its /etc/hosts, as `--add-host` has them. */
  readonly hosts: readonly string[];
  readonly dns: DnsChoices;
}

/** The part of a container's record about its network; the ports that its image exposes are among the exposed ones. */
export interface NetworkRecord extends NetworkOptions {
  readonly mode: OwnMode | { readonly kind: 'container'; readonly id: string };
}

/** What a container on the bridge has while it runs. */
export interface RunningNetwork {
  /** Dotted, of a network of 24 bits. */
  readonly address: string;
  readonly gateway: string;
  readonly mac: string;
  readonly ports: readonly BoundPort[];
}

/** The network of a container, for as long as somebody looks after it. */
export interface Connection extends AsyncDisposable {
  /** What the machine lacks and nobody asked for by name; one line each. */
  readonly warnings: readonly string[];
  /** Whenever its program is to start: each start has a namespace of its own. Throws PORT_IN_USE, CONTAINER_STATE. */
  join(spec: ContainerSpec): Promise<Joined>;
}

/** Dispose it when the program has ended. */
export interface Joined extends AsyncDisposable {
  /** With the namespace to run in. */
  readonly spec: ContainerSpec;
  /** On the bridge. */
  readonly network: RunningNetwork | undefined;
}

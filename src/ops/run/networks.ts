import { fromErrno, TsbuildError } from '../../core/index.ts';
import type { RunNetwork } from '../../graph/index.ts';
import {
  openNetwork,
  stepPool,
  sweepNetworks,
  type Network,
  type StepNetwork,
  type StepPool,
  type Unavailable,
} from '../../network/index.ts';
import type { ContainerNetwork, HostEntry } from '../../runtime/index.ts';
import type { Store } from '../../store/index.ts';
import {
  networkFileWriter,
  type DnsChoices,
  type NetworkFiles,
  type NetworkFileWriter,
} from './network-files.ts';

/** What one RUN step is connected to. Dispose it when the step's program has ended. */
export interface StepConnection extends Disposable {
  readonly network: ContainerNetwork;
  readonly files: NetworkFiles;
}

export interface ConnectOptions {
  /** False for a step that can change its network: nobody gets it after that. */
  readonly reusable: boolean;
  readonly warn: (message: string) => void;
}

/** The networks of the RUN steps of a build. Disposing closes it. */
export interface StepNetworks extends AsyncDisposable {
  /** A step is about to come that wants a network of this kind: it is got ready beside whatever happens meanwhile. */
  expect(mode: RunNetwork): void;
  /**
   * `default` is a network of the step's own. Where the machine can give none it is the host's, which `warn` is told.
   * Throws NETWORK_UNAVAILABLE when the machine gave some and gives no more.
   */
  connect(mode: RunNetwork, options: ConnectOptions): Promise<StepConnection>;
  /** When no step runs any more; it takes the kernel some time. Never fails: what is left, the next command removes. */
  close(): Promise<void>;
}

export interface StepNetworksOptions {
  readonly store: Pick<Store, 'tempDir'>;
  readonly extraHosts: readonly HostEntry[];
  readonly dns?: DnsChoices | undefined;
  /** Steps that run at once. */
  readonly jobs: number;
  readonly signal: AbortSignal;
  /** Steps have no namespaces at all, and whoever said so has told the user: the host's network is theirs. */
  readonly hostOnly?: boolean | undefined;
}

/** Opens nothing before a step is expected. */
export function stepNetworks(options: StepNetworksOptions): StepNetworks {
  return new Networks(options);
}

const nothingToEnd = (): void => undefined;

interface Opened {
  readonly network: Network;
  readonly pool: StepPool;
}

class Networks implements StepNetworks {
  readonly #options: StepNetworksOptions;
  readonly #files: NetworkFileWriter;
  #opening: Promise<Opened | string> | undefined;
  #closing: Promise<void> | undefined;
  /** Steps that are expected and have not come. */
  #awaited = 0;
  /** The machine has given one: that it gives no more is a failure and not its nature. */
  #proved = false;

  constructor(options: StepNetworksOptions) {
    this.#options = options;
    this.#files = networkFileWriter(options.store, options);
  }

  expect(mode: RunNetwork): void {
    if (mode !== 'default' || this.#options.hostOnly === true || this.#closing !== undefined) return;
    this.#awaited++;
    this.#open().catch(() => undefined); // heard by the step that comes
  }

  async connect(mode: RunNetwork, { reusable, warn }: ConnectOptions): Promise<StepConnection> {
    switch (mode) {
      case 'host':
      case 'none':
        return this.#unconnected(mode);
      case 'default': {
        if (this.#options.hostOnly === true) return this.#unconnected('host');
        const taken = await this.#take();
        if (typeof taken !== 'string') return this.#connected(taken, reusable);
        warn(`RUN steps share the host's network, since none of their own can be set up: ${taken}`);
        return this.#unconnected('host');
      }
    }
  }

  async #unconnected(network: 'host' | 'none'): Promise<StepConnection> {
    return { network, files: await this.#files.filesOf(undefined), [Symbol.dispose]: nothingToEnd };
  }

  async #connected(taken: StepNetwork, reusable: boolean): Promise<StepConnection> {
    const { attached } = taken;
    return {
      network: { namespace: attached.namespace.path },
      files: await this.#files.filesOf(attached),
      [Symbol.dispose]: () => taken.giveBack({ reusable }),
    };
  }

  /** Or why there is none. */
  async #take(): Promise<StepNetwork | string> {
    this.#awaited = Math.max(0, this.#awaited - 1);
    const opened = await this.#open();
    if (typeof opened === 'string') return opened;
    try {
      const taken = await opened.pool.take();
      this.#proved = true;
      return taken;
    } catch (error) {
      if (this.#proved || !(error instanceof TsbuildError) || error.code !== 'NETWORK_UNAVAILABLE')
        throw error;
      return withHint(error);
    }
  }

  #open(): Promise<Opened | string> {
    return (this.#opening ??= this.#openNow());
  }

  async #openNow(): Promise<Opened | string> {
    const { jobs, signal } = this.#options;
    try {
      const opened = await openNetwork({ kind: 'steps', signal });
      if (!opened.available) return withHint(opened);
      const { network } = opened;
      return { network, pool: stepPool(network, { size: jobs, awaited: () => this.#awaited }) };
    } catch (error) {
      // The kernel's refusal; a defect of this program's stays one.
      const known = fromErrno(error, 'opening the network of RUN steps');
      if (known instanceof TsbuildError && known.code !== 'INTERRUPTED') return withHint(known);
      throw error;
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#closeNow().catch(() => undefined));
  }

  async #closeNow(): Promise<void> {
    // A fully cached build, too, removes what a killed one left.
    if (this.#opening === undefined) {
      await sweepNetworks();
      return;
    }
    const opened = await this.#opening;
    if (typeof opened === 'string') return;
    await opened.pool[Symbol.asyncDispose]();
    await opened.network[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await this.#files[Symbol.asyncDispose]();
  }
}

function withHint({ message, hint }: Pick<Unavailable, 'message' | 'hint'>): string {
  return hint === undefined ? message : `${message}; ${hint}`;
}

import { fstatSync } from 'node:fs';
import { processesIn, type Unreadable } from './processes.ts';
import type { AttachedNetwork, Network } from './types.ts';

/** A namespace for one step. */
export interface StepNetwork {
  readonly attached: AttachedNetwork;
  /**
   * When the step has ended. A step that could change its network (CAP_NET_ADMIN) says that it is not `reusable`; one
   * that left a process behind is found out.
   */
  giveBack(options?: { readonly reusable?: boolean | undefined }): void;
}

/** Namespaces made ahead, so that a step finds one ready; never one for two steps at a time. */
export interface StepPool extends AsyncDisposable {
  /** Fails as `attach` does. */
  take(): Promise<StepNetwork>;
}

/**
 * A pool for as many steps as run at once. Dispose it before the network, which ends the namespaces: all together, that
 * is quicker than one by one.
 */
export function stepPool(network: Network, size: number): StepPool {
  return new NamespacePool(network, size);
}

/** An empty namespace, and which processes could not be looked at while it was. */
interface Ready {
  readonly attached: AttachedNetwork;
  readonly inode: number;
  readonly unreadable: Unreadable;
}

class NamespacePool implements StepPool {
  readonly #network: Network;
  readonly #size: number;
  /** The one used last is at the end. */
  readonly #ready: Ready[] = [];
  readonly #work = new Set<Promise<void>>();
  #preparing: Promise<void> | undefined;
  #taken = 0;
  #closed = false;

  constructor(network: Network, size: number) {
    this.#network = network;
    this.#size = Math.max(1, size);
    this.#prepare();
  }

  async take(): Promise<StepNetwork> {
    if (this.#closed) throw new Error('the pool is closed');
    // One that is being made is there sooner than a second one would be.
    if (this.#ready.length === 0) await this.#preparing;
    const ready = this.#ready.pop() ?? (await this.#make());
    this.#taken++;
    // After the caller has gone on: a step waits for what it needs, and for nothing else.
    setImmediate(() => this.#prepare());
    let back = false;
    return {
      attached: ready.attached,
      giveBack: ({ reusable = true } = {}) => {
        if (back) return;
        back = true;
        this.#taken--;
        this.#track(this.#receive(ready, reusable));
      },
    };
  }

  /** Beside what the process does: one ahead of those in use. */
  #prepare(): void {
    if (this.#closed || this.#preparing !== undefined) return;
    if (this.#ready.length > 0 || this.#taken >= this.#size) return;
    const making = this.#make()
      .then((ready) => void this.#ready.push(ready))
      // Whoever takes one meets the same failure, and can tell it.
      .catch(() => undefined)
      .finally(() => {
        this.#preparing = undefined;
      });
    this.#preparing = making;
    this.#track(making);
  }

  async #make(): Promise<Ready> {
    const attached = await this.#network.attach();
    const inode = fstatSync(attached.namespace.fd).ino;
    return { attached, inode, unreadable: processesIn(inode).unreadable };
  }

  async #receive(ready: Ready, reusable: boolean): Promise<void> {
    const wanted = reusable && !this.#closed && this.#ready.length < this.#size;
    if (wanted && isEmpty(ready)) this.#ready.push(ready);
    else await ready.attached[Symbol.asyncDispose]();
  }

  #track(work: Promise<void>): void {
    const settled = work.catch(() => undefined).finally(() => this.#work.delete(settled));
    this.#work.add(settled);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#work);
    this.#ready.length = 0;
  }
}

/** A process that cannot be looked at and was not there before the step is taken for one of the step's. */
function isEmpty({ inode, unreadable: before }: Ready): boolean {
  const { inside, unreadable } = processesIn(inode);
  return inside === 0 && [...unreadable].every((pid) => before.has(pid));
}

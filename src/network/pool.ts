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

export interface StepPoolOptions {
  /** Steps that run at once. */
  readonly size: number;
  /** How many more steps are to come, as far as is known; any number unless told. */
  readonly awaited?: (() => number) | undefined;
}

/**
 * A pool for as many steps as run at once. Dispose it before the network, which ends the namespaces: all together, that
 * is quicker than one by one.
 */
export function stepPool(network: Network, options: StepPoolOptions): StepPool {
  return new NamespacePool(network, options);
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
  readonly #awaited: () => number;
  /** The one used last is at the end. */
  readonly #ready: Ready[] = [];
  /** Given back, and not yet seen to be empty. */
  readonly #returned: Ready[] = [];
  readonly #work = new Set<Promise<void>>();
  #preparing: Promise<void> | undefined;
  #taken = 0;
  #closed = false;

  constructor(network: Network, { size, awaited = (): number => Infinity }: StepPoolOptions) {
    this.#network = network;
    this.#size = Math.max(1, size);
    this.#awaited = awaited;
    this.#prepare();
  }

  async take(): Promise<StepNetwork> {
    if (this.#closed) throw new Error('the pool is closed');
    if (this.#ready.length === 0) this.#inspect();
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
        if (reusable) this.#returned.push(ready);
        else this.#track(end(ready));
      },
    };
  }

  /** Beside what the process does: one ahead of those in use. */
  #prepare(): void {
    if (this.#closed || this.#preparing !== undefined) return;
    this.#inspect();
    if (this.#ready.length > 0 || this.#taken >= this.#size || this.#awaited() <= 0) return;
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

  /** Not when they come back: it looks at every process of the machine, while the step's changes wait to be kept. */
  #inspect(): void {
    for (const each of this.#returned.splice(0)) {
      if (this.#ready.length < this.#size && isEmpty(each)) this.#ready.push(each);
      else this.#track(end(each));
    }
  }

  #track(work: Promise<void>): void {
    const settled = work.catch(() => undefined).finally(() => this.#work.delete(settled));
    this.#work.add(settled);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#work);
    this.#ready.length = 0;
    this.#returned.length = 0;
  }
}

async function end({ attached }: Ready): Promise<void> {
  await attached[Symbol.asyncDispose]();
}

/** A process that cannot be looked at and was not there before the step is taken for one of the step's. */
function isEmpty({ inode, unreadable: before }: Ready): boolean {
  const { inside, unreadable } = processesIn(inode);
  return inside === 0 && [...unreadable].every((pid) => before.has(pid));
}

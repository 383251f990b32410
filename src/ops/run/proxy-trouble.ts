import { loopbackProxyHint } from '../../network/index.ts';
import type { RunContext } from '../../solver/index.ts';

/** Words of programs that could not connect; curl, wget, apt, pip, npm and go use one of them each. */
const words = /refused|proxy|could not connect|failed to connect|econnrefused/i;
/** Longer than the longest of the words. */
const overlap = 32;

/**
 * A step in a network of its own whose proxy is on the host's loopback: when it fails and has spoken of a connection,
 * this is most likely why.
 */
export class ProxyTrouble {
  readonly #hint: string | undefined;
  #heard = false;
  #tail = '';

  /** Of the environment that the program gets; an empty one has no proxies. */
  constructor(env: readonly string[]) {
    this.#hint = loopbackProxyHint(env);
  }

  get hint(): string | undefined {
    return this.#heard ? this.#hint : undefined;
  }

  /** The same context; what is logged to it is listened to. */
  heardIn(context: RunContext): RunContext {
    if (this.#hint === undefined) return context;
    return {
      ...context,
      log: (stream, data) => {
        this.#listen(data);
        context.log(stream, data);
      },
    };
  }

  #listen(data: Uint8Array): void {
    if (this.#heard) return;
    const text = this.#tail + Buffer.from(data).toString('latin1');
    this.#heard = words.test(text);
    this.#tail = text.slice(-overlap);
  }
}

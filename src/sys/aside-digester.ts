import { createDigester, type Digest } from '../core/index.ts';
import { addon } from './addon.ts';

/** A digest of which, if it is a sha256, other threads reckon the large pieces. */
export interface AsideDigester {
  /**
   * A promise while another thread is at work: the bytes are to stay as they are until it settles, and no other call may
   * come before. Undefined when it is done already.
   */
  update(bytes: Uint8Array): Promise<unknown> | undefined;
  digest(): Digest;
}

const stateLength = 128;
const digestLength = 32;
/** To hash less takes less than to ask another thread for it. */
const worthAsking = 128 * 1024;

export function createAsideDigester(algorithm = 'sha256'): AsideDigester {
  if (algorithm !== 'sha256') return besideNobody(algorithm);
  const native = addon();
  const state = Buffer.allocUnsafeSlow(stateLength);
  if (native.hashBegin(state) !== 0) return besideNobody(algorithm);
  return {
    update(bytes) {
      if (bytes.length >= worthAsking) {
        const begun = native.hashAside(state, bytes);
        if (typeof begun !== 'number') return begun;
      }
      native.hashUpdate(state, bytes);
      return undefined;
    },
    digest() {
      const digest = Buffer.allocUnsafe(digestLength);
      native.hashEnd(state, digest);
      return `sha256:${digest.toString('hex')}` as Digest;
    },
  };
}

/** Where Node does not let addons hash. */
function besideNobody(algorithm: string): AsideDigester {
  const digester = createDigester(algorithm);
  return {
    update(bytes) {
      digester.update(bytes);
      return undefined;
    },
    digest: () => digester.digest(),
  };
}

import { createHash, hash } from 'node:crypto';

import type { Sha256 } from '../core/index.ts';
import { addon } from './addon.ts';

const stateLength = 128;
const digestLength = 32;

/** By the addon, or by node:crypto where Node lets no addon hash. */
export const nativeSha256: Sha256 = {
  hex(bytes) {
    const hex = addon().sha256(bytes);
    return typeof hex === 'string' ? hex : hash('sha256', bytes, 'hex');
  },
  begin() {
    const native = addon();
    const state = Buffer.allocUnsafeSlow(stateLength);
    if (native.hashBegin(state) !== 0) {
      const slow = createHash('sha256');
      return { update: (bytes) => void slow.update(bytes), hex: () => slow.digest('hex') };
    }
    return {
      update: (bytes) =>
        void native.hashUpdate(state, typeof bytes === 'string' ? Buffer.from(bytes) : bytes),
      hex() {
        const digest = Buffer.allocUnsafe(digestLength);
        native.hashEnd(state, digest);
        return digest.toString('hex');
      },
    };
  },
};

import { createHash, hash } from 'node:crypto';

/** In lower-case hexadecimal; strings count as UTF-8. */
export interface Sha256 {
  readonly hex: (bytes: Uint8Array | string) => string;
  readonly begin: () => { update(bytes: Uint8Array | string): void; hex(): string };
}

const nodes: Sha256 = {
  hex: (bytes) => hash('sha256', bytes, 'hex'),
  begin: () => {
    const state = createHash('sha256');
    return { update: (bytes) => void state.update(bytes), hex: () => state.digest('hex') };
  },
};

let chosen = nodes;

/** Puts another in the place of node:crypto, whose many modules take longer to load than most commands to run. */
export function chooseSha256(sha256: Sha256): void {
  chosen = sha256;
}

export function sha256Hex(bytes: Uint8Array | string): string {
  return chosen.hex(bytes);
}

export function beginSha256(): ReturnType<Sha256['begin']> {
  return chosen.begin();
}

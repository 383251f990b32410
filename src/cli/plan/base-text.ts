import type { PartChange } from '../../core/index.ts';

/** Enough of a digest to tell two apart: `sha256:` and 12 digits. */
const shownDigest = 19;

/** `the base image changed: debian:12 sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb`; without them where they are not known. */
export function baseText(change: PartChange): string {
  const [base] = (change.kind === 'changed' ? change.inside : undefined) ?? [];
  const plain = 'the base image changed';
  if (base?.kind !== 'changed' || typeof base.before !== 'string' || typeof base.after !== 'string')
    return plain;
  const [before, after] = [partsOf(base.before), partsOf(base.after)];
  const now = before.name === after.name ? after.digest : `${after.name} ${after.digest}`;
  return `${plain}: ${before.name} ${before.digest} → ${now}`;
}

function partsOf(base: string): { readonly name: string; readonly digest: string } {
  const at = base.lastIndexOf('@');
  return { name: base.slice(0, at), digest: base.slice(at + 1).slice(0, shownDigest) };
}

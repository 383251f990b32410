import type { ByteString } from '../core/index.ts';

/**
 * The xattrs a layer carries, both ways (design decision 5). Not overlay's own, in either spelling: from an archive
 * they would hide or redirect what lies below. Not the machine's (SELinux labels, ACLs, IMA).
 */
export function isLayerXattr(name: ByteString): boolean {
  if (name === 'security.capability') return true;
  return name.startsWith('user.') && name !== 'user.overlay' && !name.startsWith('user.overlay.');
}

import type { SnapshotId } from './types.ts';
import { randomBelow } from '../sys/index.ts';

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** The only door from foreign text to a SnapshotId: it becomes a folder's name. */
export function isSnapshotId(text: string): text is SnapshotId {
  return /^[a-z0-9]{10}$/.test(text);
}

export function newSnapshotId(): SnapshotId {
  let id = '';
  for (let i = 0; i < 10; i++) id += alphabet.charAt(randomBelow(alphabet.length));
  return id as SnapshotId;
}

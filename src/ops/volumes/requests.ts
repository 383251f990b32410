import type { IdMapping } from '../../oci/runtime-spec.ts';

/** What a container is to have mounted, as it was asked for. Destinations are absolute paths of the container. */
export type MountRequest = BindRequest | VolumeRequest | TmpfsRequest;

export type BindPropagation = 'private' | 'rprivate' | 'slave' | 'rslave';

export interface BindRequest {
  readonly kind: 'bind';
  /** Absolute path of the host. */
  readonly source: string;
  readonly destination: string;
  readonly readOnly: boolean;
  /** A missing source is made as a folder (-v), or is an error (--mount). */
  readonly createSource: boolean;
  /** What is mounted below the source comes with it. */
  readonly recursive: boolean;
  readonly propagation: BindPropagation;
  /** Owners of its files are seen as others. */
  readonly idMap?: MountIdMap | undefined;
}

/** From the ids that the files have (`containerID`) to those that the container sees (`hostID`). */
export interface MountIdMap {
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
}

export interface VolumeRequest {
  readonly kind: 'volume';
  /** Undefined: an anonymous one of the container's own. */
  readonly name?: string | undefined;
  readonly destination: string;
  readonly readOnly: boolean;
  /** Folder of the volume that is mounted instead of all of it. */
  readonly subpath?: string | undefined;
  /** An empty volume stays empty, whatever the image has there. */
  readonly noCopy: boolean;
}

export interface TmpfsRequest {
  readonly kind: 'tmpfs';
  readonly destination: string;
  /** Of a whitelist: they reach the kernel. */
  readonly options: readonly string[];
}

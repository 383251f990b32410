/** A volume as a container has it mounted. */
export interface VolumeUse {
  readonly name: string;
  readonly destination: string;
  readonly readOnly: boolean;
  /** Made for this container. */
  readonly anonymous: boolean;
  /** Folder of the volume that is mounted instead of all of it. */
  readonly subpath?: string | undefined;
}

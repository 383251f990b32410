import type { Attestation, Image, LayerForm } from '../image/index.ts';
import type { Digest } from '../core/index.ts';
import type { Descriptor, Platform } from '../oci/types.ts';
import type { Snapshot } from '../snapshot/index.ts';

export interface BuiltImage {
  readonly platform: Platform;
  readonly image: Image;
  /** The merged tree; undefined for the empty root. */
  readonly snapshot: Snapshot | undefined;
  /** Layers below this index came with the base image. */
  readonly baseLayers: number;
  /** What is said of it, beside it. */
  readonly attestations: readonly Attestation[];
}

/** What a build came to: one image a platform, in the order asked for; `index` when several were asked for (O-30). */
export interface BuiltImages {
  readonly images: readonly BuiltImage[];
  readonly index: Descriptor | undefined;
}

/** What an annotation stands on (O-32): the members of the OCI index and manifest that carry some. */
export type AnnotationLevel = 'manifest' | 'index' | 'manifest-descriptor' | 'index-descriptor';

export interface Annotation {
  readonly level: AnnotationLevel;
  /** Only for this one of several; all unless told. */
  readonly platform?: Platform | undefined;
  readonly key: string;
  readonly value: string;
}

/** What makes another image of the same result: other bytes, and but for annotations another id. */
export interface ImageShape {
  /** SOURCE_DATE_EPOCH in seconds: nothing this build made is dated later (O-52, O-53). */
  readonly epoch?: number | undefined;
  /** Times of files in new layers: `clamp` to the epoch where they are later (O-56), or all `exact`ly that (O-60). */
  readonly rewrite?: 'clamp' | 'exact' | undefined;
  /** The layers as one: `new` those above the base, `all` the base's, too. */
  readonly squash?: 'new' | 'all' | undefined;
  readonly annotations?: readonly Annotation[] | undefined;
}

/** How an image's parts leave for a registry or an archive; the store keeps its layers plain (design decision 3). */
export interface OutgoingForm {
  readonly compression: LayerForm['compression'];
  readonly level?: number | undefined;
  /** Layers that are compressed already are packed anew, too. */
  readonly force: boolean;
  readonly mediaTypes: 'oci' | 'docker';
}

/** A file, or standard output. */
export type Destination = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'stdout' };

interface ImageOutput {
  /** As given, not normalised. */
  readonly names: readonly string[];
  readonly form: OutgoingForm;
  readonly shape: ImageShape;
}

/** Where a result goes (O-01 to O-06). */
export type OutputSpec =
  | (ImageOutput & {
      /** Into the store, and with `push` to the registries of its names. */
      readonly kind: 'image';
      readonly store: boolean;
      readonly push: boolean;
      /** Without the tags. */
      readonly byDigest: boolean;
      /** Plain http and any certificate will do for the registries of its names. */
      readonly insecure: boolean;
    })
  | (ImageOutput & {
      readonly kind: 'oci';
      readonly dest: Destination;
      /** False: a folder. */
      readonly tar: boolean;
    })
  | (ImageOutput & {
      readonly kind: 'docker';
      /** Undefined: into the store and the container engine of this machine. */
      readonly dest: Destination | undefined;
      /** Of Docker's contexts the one whose engine it is. */
      readonly context?: string | undefined;
    })
  | {
      readonly kind: 'local';
      readonly dest: string;
      /** `delete`: what the result does not have goes. */
      readonly mode: 'copy' | 'delete';
      /** `delete` needs no folder below the working one. */
      readonly deletesAnywhere: boolean;
      /** A folder for each platform; unless told, where there are several. */
      readonly platformSplit: boolean | undefined;
      /** Set-id bits, capabilities and devices are copied, too (S-45). */
      readonly specialFiles: boolean;
      readonly shape: ImageShape;
    }
  | { readonly kind: 'tar'; readonly dest: Destination; readonly shape: ImageShape }
  | { readonly kind: 'cacheonly'; readonly shape: ImageShape };

export type OutputKind = OutputSpec['kind'];

/** What came of one output. */
export interface WrittenOutput {
  readonly kind: OutputKind;
  /** Full names that the image has by it. */
  readonly names: readonly string[];
  /** Of the manifest, or the index, that was written or pushed; undefined where there is none. */
  readonly descriptor: Descriptor | undefined;
  /** Of the config that left with one image: another than its own where its layers unpack to something else. */
  readonly config?: Digest | undefined;
  /** `localhost:5000/app@sha256:…`, of what was pushed. */
  readonly repoDigests: readonly string[];
  /** The path that was written, as given; undefined for standard output and the store. */
  readonly place?: string | undefined;
  /** The container engine that took the image. */
  readonly engine?: string | undefined;
}

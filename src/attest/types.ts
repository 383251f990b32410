/** `--attest type=provenance,…` (buildx). */
export interface ProvenanceRequest {
  /** `min` leaves out build arguments, labels, ids of secrets, and the Dockerfile (O-80). */
  readonly mode: 'min' | 'max';
  /** Of SLSA. */
  readonly version: 'v1' | 'v0.2';
  /** URI of who built; empty where nobody says so. */
  readonly builderId: string;
  /** The user's word that the build is reproducible. */
  readonly reproducible: boolean;
  /** In local and tar outputs. */
  readonly filename: string;
}

/** `--attest type=sbom,…` */
export interface SbomRequest {
  readonly filename: string;
  /** Image of a scanner that is run in the place of our own reading. */
  readonly generator?: string | undefined;
}

export interface AttestationRequests {
  readonly provenance?: ProvenanceRequest | undefined;
  readonly sbom?: SbomRequest | undefined;
}

/** What the user asked for, as far as provenance tells of it: options of a build fit. */
export interface BuildParameters {
  readonly context: string;
  readonly file?: string | undefined;
  readonly buildArgs?: ReadonlyMap<string, string> | undefined;
  readonly target?: string | undefined;
  readonly noCache?: boolean | ReadonlySet<string> | undefined;
  readonly pull?: boolean | undefined;
  readonly network?: string | undefined;
  readonly labels?: readonly (readonly [string, string])[] | undefined;
  readonly extraHosts?: readonly { readonly name: string }[] | undefined;
  readonly allow?: ReadonlySet<string> | undefined;
  /** Ids; the values are never looked at. */
  readonly secrets?: ReadonlyMap<string, unknown> | undefined;
  readonly ssh?: ReadonlyMap<string, unknown> | undefined;
  readonly namedContexts?: readonly { readonly name: string }[] | undefined;
}

/** in-toto's ResourceDescriptor and SLSA 0.2's material have these two in common. */
export interface Material {
  readonly uri: string;
  /** By the name of the algorithm: `sha256`, or `sha1` of a git commit. */
  readonly digest: Readonly<Record<string, string>>;
}

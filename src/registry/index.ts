export { lookUpImage } from './look-up.ts';
export type { FoundImage, LookUpOptions } from './look-up.ts';
export { pullImage } from './pull.ts';
export type { ArrivingLayer, PulledImage, PullOptions } from './pull.ts';
export type { LayerTap, PullProgress } from './transfer.ts';
export type { FetchedManifest } from './client.ts';
export { defaultRetryPolicy } from '../http/index.ts';
export type { RetryPolicy } from '../http/index.ts';
export { contentPusher, pushContent } from './push.ts';
export type {
  ContentPusher,
  OutgoingImage,
  OutgoingLayer,
  PushedContent,
  PushOptions,
  PushProgress,
} from './push.ts';
export type { BlobSource } from './upload.ts';
export { waitingStream } from './waiting-bytes.ts';
export type { EarlyBytes } from './waiting-bytes.ts';
export { findCredentials } from './credentials.ts';
export type { CredentialLookup, CredentialPlace, Credentials } from './credentials.ts';
export { logIn, logOut } from './login.ts';
export { pushManifest } from './put-manifest.ts';
export type { OutgoingManifest } from './put-manifest.ts';
export { checkPushAccess } from './push-access.ts';
export { packReferrer, pushReferrer } from './push-referrer.ts';
export type { ArtifactLayer, PackedReferrer, PushedReferrer, ReferrerArtifact } from './push-referrer.ts';
export { deleteRemote } from './delete.ts';
export { listTags } from './tags.ts';
export type { ListTagsOptions } from './tags.ts';
export { fallbackTag, listReferrers } from './referrers.ts';
export type { ListReferrersOptions } from './referrers.ts';
export { isAbsent, readRepository, repositoryReader } from './read.ts';
export type { ReadableRepository, RepositoryReader } from './read.ts';
export type { RegistryOptions } from './repository.ts';
export { registrySettings } from './settings.ts';
export type { RegistryPlace, RegistrySettings } from './settings.ts';
export type { ConfigPlaces } from './registries-conf.ts';
export { registryVariables } from './variables.ts';

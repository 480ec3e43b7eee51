/** What is needed later, and must be there by then: the line may be lost. */
export { default as closing } from './Closing.svelte';
export { default as lost } from './Lost.svelte';
export { default as me } from './Me.svelte';
export { default as together } from './Together.svelte';

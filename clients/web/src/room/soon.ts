/** What the first picture does without, and needs next. */
export { default as questions } from './Questions.svelte';
export { default as results } from './Results.svelte';
export { default as texts } from './ballots/Texts.svelte';

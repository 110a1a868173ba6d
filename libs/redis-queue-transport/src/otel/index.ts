// Exports nothing yet: what observes comes with the rooms beside it.
export {};

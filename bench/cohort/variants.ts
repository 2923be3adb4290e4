/** How the values of a cohort lie. */
export const variants = ['uniform', 'ties', 'all equal', 'skewed'] as const;
export type Variant = (typeof variants)[number];

"""The page on which raters take part: plain files, without a build step."""

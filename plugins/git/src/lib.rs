//! The step plugin `git`: checks out the source into the work directory and keeps it between builds.

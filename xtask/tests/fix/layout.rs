//! Layouts that an edit must keep.

use super::*;

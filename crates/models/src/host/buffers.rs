use std::{
    cell::RefCell,
    ops::{Deref, DerefMut},
};

/// Numbers in memory that the thread keeps for its next buffer: what learning computes on the way is
/// many megabytes a layer, and asking the system for them anew each time costs a tenth of a step.
#[derive(Debug)]
pub(crate) struct Buffer(Vec<f32>);

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

impl Buffer {
    /// So many numbers, whatever they are.
    pub(crate) fn of(length: usize) -> Self {
        let found = FREE.with_borrow_mut(|free| {
            let fits = |vector: &Vec<f32>| (length..=2 * length).contains(&vector.capacity());
            let best = (0..free.len())
                .filter(|&i| fits(&free[i]))
                .min_by_key(|&i| free[i].capacity())?;
            Some(free.swap_remove(best))
        });
        let mut vector = found.unwrap_or_default();
        vector.resize(length, 0.0);
        Self(vector)
    }

    pub(crate) fn zeros(length: usize) -> Self {
        let mut made = Self::of(length);
        made.fill(0.0);
        made
    }

    pub(crate) fn copy_of(values: &[f32]) -> Self {
        let mut made = Self::of(values.len());
        made.copy_from_slice(values);
        made
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let vector = std::mem::take(&mut self.0);
        // While a thread ends there is nothing left to keep it in.
        let _ = FREE.try_with(|free| free.borrow_mut().push(vector));
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_where_it_fits() {
        let first = Buffer::copy_of(&[1.0; 100]);
        let place = first.as_ptr();
        drop(first);
        assert_ne!(Buffer::of(10).as_ptr(), place);
        let again = Buffer::zeros(90);
        assert_eq!(again.as_ptr(), place);
        assert_eq!(*again, [0.0; 90]);
        assert_ne!(Buffer::of(90).as_ptr(), place);
    }
}

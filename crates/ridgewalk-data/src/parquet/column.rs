//! One column of a Parquet table as numbers or words.

use ::parquet::basic::{ConvertedType, LogicalType, Type};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::DataType;
use ::parquet::file::reader::RowGroupReader;
use ::parquet::schema::types::ColumnDescPtr;
use half::f16;

use super::failed;
use crate::error::{Error, ErrorKind, Location, Result};

/// Rows decoded at a time.
const BATCH: usize = 1 << 14;

/// The values of a column.
pub(super) enum Column {
    Numbers(Vec<f64>),
    Words(Vec<String>),
}

impl Default for Column {
    fn default() -> Self {
        Column::Numbers(Vec::new())
    }
}

/// How a column's stored values become numbers or words.
pub(super) struct Reader {
    description: ColumnDescPtr,
    index: usize,
    form: Form,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Signed,
    Unsigned,
    Half,
    Words,
}

impl Reader {
    /// The reader of column `index`; words are allowed where a label is meant.
    ///
    /// # Errors
    /// If the column holds lists, or anything but numbers (and words, where allowed).
    pub fn new(description: ColumnDescPtr, index: usize, words: bool) -> Result<Self> {
        let name = description.path().string();
        let refuse = |what: &str| {
            Err(Error::unsupported(
                format!("the column holds {what}"),
                "name the columns to read, or the label column",
            )
            .at(Location::Part(name.clone())))
        };
        if description.max_rep_level() > 0 {
            return refuse("lists; write one column for each coordinate");
        }
        let form = match (description.physical_type(), description.converted_type()) {
            (Type::BYTE_ARRAY, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::NONE) if words => {
                Form::Words
            }
            (Type::BYTE_ARRAY, ConvertedType::UTF8) => return refuse("words"),
            (Type::FIXED_LEN_BYTE_ARRAY, _)
                if description.logical_type_ref() == Some(&LogicalType::Float16)
                    && description.type_length() == 2 =>
            {
                Form::Half
            }
            (Type::INT96 | Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY, _) => return refuse("no numbers"),
            (
                _,
                ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64,
            ) => Form::Unsigned,
            (
                _,
                ConvertedType::NONE
                | ConvertedType::INT_8
                | ConvertedType::INT_16
                | ConvertedType::INT_32
                | ConvertedType::INT_64,
            ) if !is_time(description.logical_type_ref()) => Form::Signed,
            (_, other) => return refuse(&format!("values of type {other}, not plain numbers")),
        };
        Ok(Reader { description, index, form })
    }

    /// The numbers of this column in one row group; `first_row` is the group's place in the table.
    pub fn numbers(&self, group: &dyn RowGroupReader, first_row: usize) -> Result<Vec<f64>> {
        let mut column = Column::default();
        self.append(group, first_row, &mut column)?;
        match column {
            Column::Numbers(numbers) => Ok(numbers),
            Column::Words(_) => Err(self.here("the column holds words")),
        }
    }

    /// Appends the values of one row group: as many as the group has rows.
    pub fn append(&self, group: &dyn RowGroupReader, first_row: usize, out: &mut Column) -> Result<()> {
        let rows = usize::try_from(group.metadata().num_rows());
        let rows = rows.map_err(|_| self.here("the group has a negative number of rows"))?;
        let unsigned = self.form == Form::Unsigned;
        let reader = group.get_column_reader(self.index).map_err(failed)?;
        if let (Form::Words, Column::Numbers(numbers)) = (self.form, &*out)
            && numbers.is_empty()
        {
            *out = Column::Words(Vec::new());
        }
        match (reader, out) {
            (ColumnReader::BoolColumnReader(r), Column::Numbers(out)) => {
                self.read(r, rows, first_row, |v| Ok(f64::from(u8::from(*v))), out)
            }
            (ColumnReader::Int32ColumnReader(r), Column::Numbers(out)) => {
                let number = |v: &i32| if unsigned { f64::from(*v as u32) } else { f64::from(*v) };
                self.read(r, rows, first_row, |v| Ok(number(v)), out)
            }
            (ColumnReader::Int64ColumnReader(r), Column::Numbers(out)) => {
                let number = |v: &i64| if unsigned { *v as u64 as f64 } else { *v as f64 };
                self.read(r, rows, first_row, |v| Ok(number(v)), out)
            }
            (ColumnReader::FloatColumnReader(r), Column::Numbers(out)) => {
                self.read(r, rows, first_row, |v| Ok(f64::from(*v)), out)
            }
            (ColumnReader::DoubleColumnReader(r), Column::Numbers(out)) => {
                self.read(r, rows, first_row, |v| Ok(*v), out)
            }
            (ColumnReader::FixedLenByteArrayColumnReader(r), Column::Numbers(out)) => {
                let number = |v: &::parquet::data_type::FixedLenByteArray| match v.data() {
                    [a, b] => Ok(f64::from(f16::from_le_bytes([*a, *b]))),
                    _ => Err(self.here("a half-precision number has not two bytes")),
                };
                self.read(r, rows, first_row, number, out)
            }
            (ColumnReader::ByteArrayColumnReader(r), Column::Words(out)) => {
                let word = |v: &::parquet::data_type::ByteArray| {
                    v.as_utf8().map(str::to_string).map_err(|_| self.here("a word is not UTF-8"))
                };
                self.read(r, rows, first_row, word, out)
            }
            _ => Err(self.here("the column changes its type between row groups")),
        }
    }

    fn read<T: DataType, V>(
        &self,
        mut reader: ColumnReaderImpl<T>,
        rows: usize,
        first_row: usize,
        convert: impl Fn(&T::T) -> Result<V>,
        out: &mut Vec<V>,
    ) -> Result<()> {
        let whole = self.description.max_def_level();
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let mut done = 0;
        while done < rows {
            levels.clear();
            values.clear();
            let wanted = BATCH.min(rows - done);
            let read = reader.read_records(wanted, Some(&mut levels), None, &mut values);
            let (records, _, _) = read.map_err(|e| failed(e).at(self.location()))?;
            if let Some(row) = levels.iter().position(|&l| l < whole) {
                let problem =
                    format!("the value in row {} (counted from 0) is missing", first_row + done + row);
                let help = "fill in the missing value, or remove that row";
                return Err(Error::new(ErrorKind::NonFinite, problem, help).at(self.location()));
            }
            if records == 0 || values.len() != records {
                return Err(
                    self.here(&format!("holds {} values where {rows} are declared", done + values.len()))
                );
            }
            for value in &values {
                out.push(convert(value)?);
            }
            done += records;
        }
        Ok(())
    }

    fn location(&self) -> Location {
        Location::Part(self.description.path().string())
    }

    fn here(&self, problem: &str) -> Error {
        Error::malformed(problem).at(self.location())
    }
}

fn is_time(logical: Option<&LogicalType>) -> bool {
    matches!(
        logical,
        Some(
            LogicalType::Date
                | LogicalType::Time { .. }
                | LogicalType::Timestamp { .. }
                | LogicalType::Decimal { .. }
        )
    )
}
